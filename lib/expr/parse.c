/* The grammar, from what binds least to what binds most; one function each. It writes the program
 * on the way down the text, so there is no tree. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr/filter.h"
#include "expr/lex.h"

#include "json/value.h"

enum { NESTING_MAX = 200, TEXT_MAX = 65536, WRONG_COUNT = -1 };

struct parser {
    struct writer w;
    struct token t;   /* the one to be looked at */
    const char *done; /* the end of the one before it */
    const char *origin, *end;
    struct json_scanner *scanner;
    int nesting;
    struct err *e;
};

/* ---- errors and tokens ---- */

__attribute__((format(printf, 3, 4))) static bool fail(
    struct parser *p, const char *at, const char *format, ...) {
    char text[ERR_TEXT];
    size_t column = 1;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (const char *c = p->origin; c < at; c++) column += (*c & 0xC0) != 0x80;
    return err_set(p->e, EXIT_USAGE, "column %zu: %s", column, text);
}

static bool expected(struct parser *p, const char *what) {
    struct slice s = p->t.text;
    const char *at = s.p;
    if (p->t.kind == TOKEN_END) return fail(p, at, "expected %s, found the end", what);
    if (p->t.kind == TOKEN_SYMBOL && (*at == '"' || *at == '\''))
        return fail(p, at, "a string without its closing %c", *at);
    if (slice_is(s, "&&")) return fail(p, at, "expected %s, found '&&': write and", what);
    if (slice_is(s, "!")) return fail(p, at, "expected %s, found '!': write not", what);
    if (slice_is(s, ".") && strcmp(what, "a value") == 0)
        return fail(p, at, "expected %s, found '.': write name, not .name, and 0.5, not .5", what);
    bool plain = p->t.kind != TOKEN_STRING && s.n < 40 && *at >= ' ';
    return plain ? fail(p, at, "expected %s, found '%.*s'", what, (int)s.n, at)
                 : fail(p, at, "expected %s, found %s", what, QUOTED(s));
}

static void next(struct parser *p) {
    p->done = p->t.text.p + p->t.text.n;
    p->t = lex(p->done, p->end);
}

static bool at_symbol(const struct parser *p, const char *symbol) {
    return p->t.kind == TOKEN_SYMBOL && slice_is(p->t.text, symbol);
}

static bool at_word(const struct parser *p, const char *word) {
    return p->t.kind == TOKEN_WORD && lex_is_word(p->t.text, word);
}

static bool take_symbol(struct parser *p, const char *symbol) {
    if (!at_symbol(p, symbol)) return false;
    next(p);
    return true;
}

static bool take_word(struct parser *p, const char *word) {
    if (!at_word(p, word)) return false;
    next(p);
    return true;
}

static bool need_symbol(struct parser *p, const char *symbol, const char *what) {
    return take_symbol(p, symbol) || expected(p, what);
}

static bool need_word(struct parser *p, const char *word) {
    char quoted[16];
    snprintf(quoted, sizeof quoted, "'%s'", word);
    return take_word(p, word) || expected(p, quoted);
}

static bool parse_or(struct parser *p);

/* Every recursion passes here, which bounds the parser's stack and the program's. */
static bool nested(struct parser *p, bool (*parse)(struct parser *p)) {
    if (p->nesting == NESTING_MAX)
        return fail(p, p->t.text.p, "nested more than %d deep", NESTING_MAX);
    p->nesting++;
    bool ok = parse(p);
    p->nesting--;
    return ok;
}

static int write_jump(struct parser *p, enum opcode op, int chain, int effect) {
    return write_insn(&p->w, (struct insn){.op = (uint8_t)op, .a = chain}, effect);
}

/* ---- literals and fields ---- */

static bool parse_number(struct parser *p) {
    struct value v = {.kind = VALUE_NUMBER};
    struct slice text = p->t.text;
    if (!decimal_is_number(text)) return fail(p, text.p, "not a number: %s", QUOTED(text));
    if (!decimal_parse(text, &v.number)) return fail(p, text.p, "a number of 10^38 or more");
    write_const(&p->w, &v);
    next(p);
    return true;
}

static bool parse_duration(struct parser *p) {
    struct value v = {.kind = VALUE_DURATION};
    struct err e;
    if (!duration_parse(p->t.text, false, &v.us, &e)) return fail(p, p->t.text.p, "%s", e.text);
    write_const(&p->w, &v);
    next(p);
    return true;
}

static bool parse_at(struct parser *p) {
    struct slice text = {p->t.text.p + 1, p->t.text.n - 1};
    struct value v = {.kind = VALUE_TIME};
    struct err e;
    if (lex_is_word(text, "time")) write_insn(&p->w, (struct insn){.op = OP_TIME}, 1);
    else if (time_parse_arg(p->w.x->times.zone, text, &v.us, &e)) write_const(&p->w, &v);
    else return fail(p, p->t.text.p, "expected @time or a time, %s", e.text);
    next(p);
    return true;
}

static bool parse_string(struct parser *p) {
    struct buf text = {0};
    const char *at, *wrong = lex_string(p->t.text, &text, &at);
    if (!wrong) write_text(&p->w, buf_slice(&text));
    buf_free(&text);
    if (wrong) return fail(p, at, "%s", wrong);
    next(p);
    return true;
}

static void write_kind(struct parser *p, enum value_kind k) {
    write_const(&p->w, &(struct value){.kind = k});
}

/* Ownership of path passes on. */
static void write_field(struct parser *p, struct json_path path) {
    struct expr *x = p->w.x;
    int index = json_want(p->scanner, &path);
    write_insn(&p->w, (struct insn){.op = OP_FIELD, .a = index}, 1);
    for (int i = 0; i < x->n_paths; i++) {
        if (x->paths[i].index != index) continue;
        json_path_free(&path);
        return;
    }
    x->paths = mem_grow(x->paths, (size_t)x->n_paths + 1, sizeof *x->paths);
    x->paths[x->n_paths++] = (struct expr_path){path, index};
}

static bool parse_path(struct parser *p) {
    struct slice rest = {p->t.text.p, (size_t)(p->end - p->t.text.p)};
    struct json_path path;
    struct err e;
    /* "column N: what", counted from here */
    if (!json_path_parse_front(&rest, rest.p, &path, &e)) {
        char *what = e.text;
        unsigned long column = strtoul(e.text + strlen("column "), &what, 10);
        return fail(p, p->t.text.p + column - 1, "%s", what + strlen(": "));
    }
    write_field(p, path);
    p->t.text.n = (size_t)(rest.p - p->t.text.p);
    next(p);
    return true;
}

/* ---- functions and case ---- */

static bool parse_if(struct parser *p) {
    static const char comma[] = "',' as in if(condition, a, b)";
    if (!nested(p, parse_or)) return false;
    int otherwise = write_jump(p, OP_UNLESS, -1, -1);
    if (!need_symbol(p, ",", comma) || !nested(p, parse_or)) return false;
    int end = write_jump(p, OP_JUMP, -1, -1);
    write_target(&p->w, otherwise);
    if (!need_symbol(p, ",", comma) || !nested(p, parse_or)) return false;
    write_target(&p->w, end);
    return true;
}

static bool parse_coalesce(struct parser *p) {
    for (int ends = -1;;) {
        if (!nested(p, parse_or)) return false;
        if (!take_symbol(p, ",")) {
            write_target(&p->w, ends);
            return true;
        }
        ends = write_jump(p, OP_COALESCE, ends, -1);
    }
}

/* Takes the argument that was written from `start` on out of the program, as what i->b says. */
static bool take_constant(
    struct parser *p, enum constant_argument kind, int start, const char *at, int32_t *b) {
    struct expr *x = p->w.x;
    const struct value *v = write_take_const(&p->w, start);
    if (!v || v->kind != VALUE_STRING)
        return fail(p, at, "expected a constant string, as in %s",
            kind == CONSTANT_UNIT ? "date_trunc('hour', time)" : "matches(text, '^A')");
    if (kind == CONSTANT_UNIT) {
        *b = function_unit(v->text);
        return *b >= 0 ||
               fail(p, at,
                   "unknown unit %s: second, minute, hour, day, week, month, quarter or year",
                   QUOTED(v->text));
    }
    if (v->text.n && memchr(v->text.p, 0, v->text.n))
        return fail(p, at, "a NUL in a regular expression");
    *b = x->n_regexes;
    x->regexes = mem_grow(x->regexes, (size_t)x->n_regexes + 1, sizeof *x->regexes);
    int r = regcomp(&x->regexes[*b], v->text.p, REG_EXTENDED | REG_NOSUB);
    if (r) {
        char why[128];
        regerror(r, NULL, why, sizeof why);
        return fail(p, at, "not a regular expression: %s", why);
    }
    x->n_regexes++;
    return true;
}

/* i->a: how many are left to the program. */
static bool parse_arguments(struct parser *p, const struct function *f, struct insn *i) {
    int n = 0;
    while (n == 0 ? !at_symbol(p, ")") : take_symbol(p, ",")) {
        const char *at = p->t.text.p;
        int start = p->w.x->n;
        if (!nested(p, parse_or)) return false;
        if (++n != f->constant_position) {
            i->a++;
        } else if (!take_constant(p, f->constant, start, at, &i->b)) {
            return false;
        }
    }
    if (n < f->least || n > f->most) i->a = WRONG_COUNT;
    return true;
}

static bool parse_call(struct parser *p) {
    struct slice name = p->t.text;
    const char *nearest;
    int index = function_find(name, &nearest);
    if (index < 0)
        return nearest
                   ? fail(p, name.p, "unknown function %s; did you mean %s?", QUOTED(name), nearest)
                   : fail(p, name.p, "unknown function %s; evexpr(7) lists them", QUOTED(name));
    const struct function *f = &functions[index];
    struct insn call = {.op = OP_CALL, .how = (uint8_t)index};
    next(p);
    next(p);
    bool ok = f->call       ? parse_arguments(p, f, &call)
              : f->most < 0 ? parse_coalesce(p)
                            : parse_if(p);
    if (!ok) return false;
    if (call.a == WRONG_COUNT)
        return fail(p, name.p, "wrong number of arguments: write %s", f->usage);
    if (!need_symbol(p, ")", "an operator, ',' or ')'")) return false;
    if (f->call) write_folded(&p->w, call, call.a);
    return true;
}

/* The branches of a case; each ends in a jump of the chain *ends. */
static bool parse_branches(struct parser *p, enum opcode unless, int *ends) {
    do {
        if (!need_word(p, "when") || !nested(p, parse_or)) return false;
        int skip = write_jump(p, unless, -1, -1);
        if (!need_word(p, "then") || !nested(p, parse_or)) return false;
        *ends = write_jump(p, OP_JUMP, *ends, -1);
        write_target(&p->w, skip);
    } while (at_word(p, "when"));
    return true;
}

static bool parse_case(struct parser *p) {
    int ends = -1;
    next(p);
    bool of_value = !at_word(p, "when");
    if (of_value && !nested(p, parse_or)) return false;
    if (!parse_branches(p, of_value ? OP_UNLESS_EQUAL : OP_UNLESS, &ends)) return false;
    if (!take_word(p, "else")) write_kind(p, VALUE_NULL);
    else if (!nested(p, parse_or)) return false;
    write_target(&p->w, ends);
    if (of_value) write_insn(&p->w, (struct insn){.op = OP_DROP_UNDER}, -1);
    return need_word(p, "end");
}

/* ---- operators ---- */

static bool is_reserved(const struct parser *p) {
    static const char *const words[] = {
        "and", "or", "not", "in", "like", "between", "is", "when", "then", "else", "end"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (at_word(p, words[i])) return true;
    return false;
}

/* A word: what follows it tells a path (a.b, a[0]) and a function (a (...)) from a word of the
 * language. */
static bool parse_word(struct parser *p) {
    const char *behind = p->t.text.p + p->t.text.n;
    if (behind < p->end && (*behind == '.' || *behind == '[')) return parse_path(p);
    if (at_word(p, "case")) return parse_case(p);
    static const char *const literals[] = {
        [VALUE_NULL] = "null", [VALUE_FALSE] = "false", [VALUE_TRUE] = "true"};
    for (unsigned k = 0; k < sizeof literals / sizeof *literals; k++) {
        if (!take_word(p, literals[k])) continue;
        write_kind(p, (enum value_kind)k);
        return true;
    }
    if (is_reserved(p)) return expected(p, "a value");
    struct token after = lex(behind, p->end);
    return after.kind == TOKEN_SYMBOL && slice_is(after.text, "(") ? parse_call(p) : parse_path(p);
}

static bool parse_primary(struct parser *p) {
    switch (p->t.kind) {
    case TOKEN_NUMBER: return parse_number(p);
    case TOKEN_DURATION: return parse_duration(p);
    case TOKEN_STRING: return parse_string(p);
    case TOKEN_AT: return parse_at(p);
    case TOKEN_WORD: return parse_word(p);
    case TOKEN_END: break;
    case TOKEN_SYMBOL:
        if (take_symbol(p, "("))
            return nested(p, parse_or) && need_symbol(p, ")", "an operator or ')'");
        if (*p->t.text.p == '`') return parse_path(p);
        break;
    }
    return expected(p, "a value");
}

static bool parse_unary(struct parser *p) {
    if (!take_symbol(p, "-")) return parse_primary(p);
    if (!nested(p, parse_unary)) return false;
    write_folded(&p->w, (struct insn){.op = OP_NEGATE}, 1);
    return true;
}

/* One level of binary operators: `symbols` are of one character. */
static bool parse_arithmetic(
    struct parser *p, const char *symbols, bool (*parse)(struct parser *p)) {
    if (!parse(p)) return false;
    while (p->t.kind == TOKEN_SYMBOL && p->t.text.n == 1 && strchr(symbols, *p->t.text.p)) {
        uint8_t op = (uint8_t)*p->t.text.p;
        next(p);
        if (!parse(p)) return false;
        write_folded(&p->w, (struct insn){.op = OP_ARITHMETIC, .how = op}, 2);
    }
    return true;
}

static bool parse_product(struct parser *p) { return parse_arithmetic(p, "*/%", parse_unary); }
static bool parse_sum(struct parser *p) { return parse_arithmetic(p, "+-", parse_product); }

static bool parse_concat(struct parser *p) {
    if (!parse_sum(p)) return false;
    while (take_symbol(p, "||")) {
        if (!parse_sum(p)) return false;
        write_folded(&p->w, (struct insn){.op = OP_CONCAT}, 2);
    }
    return true;
}

static bool parse_between(struct parser *p, bool negated) {
    if (!parse_concat(p) || !need_word(p, "and") || !parse_concat(p)) return false;
    write_folded(&p->w, (struct insn){.op = OP_BETWEEN, .how = negated}, 3);
    return true;
}

static bool parse_like(struct parser *p, bool negated) {
    if (!parse_concat(p)) return false;
    write_folded(&p->w, (struct insn){.op = OP_LIKE, .how = negated}, 2);
    return true;
}

static bool parse_in(struct parser *p, bool negated) {
    int start = p->w.x->n;
    if (!need_symbol(p, "(", "'('")) return false;
    write_kind(p, VALUE_FALSE);
    do {
        if (!nested(p, parse_or)) return false;
        write_insn(&p->w, (struct insn){.op = OP_IN_ITEM}, -1);
    } while (take_symbol(p, ","));
    write_in_end(&p->w, start, negated);
    return need_symbol(p, ")", "',' or ')'");
}

static int comparison_at(const struct parser *p) {
    static const struct {
        const char *symbol;
        int how;
    } all[] = {{"=", EQUAL}, {"==", EQUAL}, {"!=", LESS | GREATER}, {"<>", LESS | GREATER},
        {"<", LESS}, {"<=", LESS | EQUAL}, {">", GREATER}, {">=", GREATER | EQUAL}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (at_symbol(p, all[i].symbol)) return all[i].how;
    return 0;
}

static bool parse_is(struct parser *p) {
    bool negated = take_word(p, "not");
    if (!take_word(p, "null")) return expected(p, negated ? "'null'" : "'null' or 'not null'");
    write_is_null(&p->w, negated);
    return true;
}

/* One comparison, if any; `is null` may follow it. */
static bool parse_comparison(struct parser *p) {
    if (!parse_concat(p)) return false;
    int how = comparison_at(p);
    if (how) {
        next(p);
        if (!parse_concat(p)) return false;
        write_compare(&p->w, how);
    } else {
        bool negated = take_word(p, "not"), ok = true;
        if (take_word(p, "between")) ok = parse_between(p, negated);
        else if (take_word(p, "like")) ok = parse_like(p, negated);
        else if (take_word(p, "in")) ok = parse_in(p, negated);
        else if (negated) return expected(p, "'between', 'like' or 'in'");
        if (!ok) return false;
    }
    while (take_word(p, "is"))
        if (!parse_is(p)) return false;
    return true;
}

static bool parse_not(struct parser *p) {
    if (!take_word(p, "not")) return parse_comparison(p);
    if (!nested(p, parse_not)) return false;
    write_folded(&p->w, (struct insn){.op = OP_NOT}, 1);
    return true;
}

static bool parse_and(struct parser *p) {
    if (!parse_not(p)) return false;
    while (take_word(p, "and")) {
        int end = write_jump(p, OP_AND_JUMP, -1, 0);
        if (!parse_not(p)) return false;
        write_insn(&p->w, (struct insn){.op = OP_AND}, -1);
        write_target(&p->w, end);
    }
    return true;
}

static bool parse_or(struct parser *p) {
    if (!parse_and(p)) return false;
    while (take_word(p, "or")) {
        int end = write_jump(p, OP_OR_JUMP, -1, 0);
        if (!parse_and(p)) return false;
        write_insn(&p->w, (struct insn){.op = OP_OR}, -1);
        write_target(&p->w, end);
    }
    return true;
}

/* ---- the whole ---- */

static bool parse_whole(struct parser *p, const char *begin, bool front) {
    if ((size_t)(p->end - begin) > TEXT_MAX)
        return err_set(p->e, EXIT_USAGE, "an expression of more than %d bytes", TEXT_MAX);
    size_t bad;
    if (!utf8_valid((struct slice){begin, (size_t)(p->end - begin)}, &bad))
        return fail(p, begin + bad, "not UTF-8");
    p->done = begin;
    p->t = lex(begin, p->end);
    begin = p->t.text.p;
    if (!parse_or(p)) return false;
    if (comparison_at(p))
        return fail(p, p->t.text.p, "comparisons do not chain: write a < b and b < c");
    if (p->t.kind != TOKEN_END && !(front && at_symbol(p, ",")))
        return expected(p, front ? "an operator, ',' or the end" : "an operator or the end");
    p->w.x->text = mem_str((struct slice){begin, (size_t)(p->done - begin)});
    return true;
}

static struct expr *parse(struct slice *text, const char *origin, bool front,
    struct json_scanner *scanner, struct zone *zone, struct err *e) {
    struct expr *x = mem_zero(1, sizeof *x);
    struct parser p = {
        .w.x = x, .origin = origin, .end = text->p + text->n, .scanner = scanner, .e = e};
    x->times.zone = zone;
    if (!parse_whole(&p, text->p, front)) {
        expr_free(x);
        return NULL;
    }
    *text = (struct slice){p.t.text.p, (size_t)(p.end - p.t.text.p)};
    x->stack = mem_zero((size_t)x->stack_size + 1, sizeof *x->stack);
    filters_find(x);
    return x;
}

struct expr *expr_parse(
    struct slice text, struct json_scanner *scanner, struct zone *zone, struct err *e) {
    return parse(&text, text.p, false, scanner, zone, e);
}

struct expr *expr_parse_front(struct slice *text, const char *origin, struct json_scanner *scanner,
    struct zone *zone, struct err *e) {
    return parse(text, origin, true, scanner, zone, e);
}
