#include <stdlib.h>

#include "expr/filter.h"

#include "json/value.h"

/* ---- scratch ---- */

void program_begin(struct expr *x) {
    x->mismatch = false;
    x->scratch.n = 0;
    while (x->n_retired) buf_free(&x->retired[--x->n_retired]);
}

void program_reserve(struct expr *x, size_t more) {
    if (x->scratch.cap - x->scratch.n > more) return;
    size_t cap = 2 * x->scratch.cap + 256;
    if (x->scratch.cap) {
        x->retired = mem_grow(x->retired, (size_t)x->n_retired + 1, sizeof *x->retired);
        x->retired[x->n_retired++] = x->scratch;
        x->scratch = (struct buf){0};
    }
    buf_reserve(&x->scratch, more < cap ? cap : more + 1);
}

/* ---- values ---- */

bool program_mismatch(struct expr *x, struct value *out) {
    x->mismatch = true;
    out->kind = VALUE_NULL;
    return true;
}

bool program_time(struct expr *x, const struct value *v, int64_t *us) {
    if (v->kind == VALUE_STRING) return time_parse(&x->times, v->text, us) == TIME_OK;
    *us = v->us;
    return v->kind == VALUE_TIME;
}

bool program_set_time(struct value *out, int64_t us, struct err *e) {
    if (us < TIME_MIN || us > TIME_MAX) return err_set(e, EXIT_BAD_DATA, "a time is out of range");
    *out = (struct value){.kind = VALUE_TIME, .us = us};
    return true;
}

bool program_text(struct expr *x, const struct value *v, struct slice *out) {
    enum { LONGEST = 80 };
    struct decimal seconds;
    struct buf *b = &x->scratch;
    program_reserve(x, LONGEST);
    size_t from = b->n;
    switch (v->kind) {
    case VALUE_STRING: *out = v->text; return true;
    case VALUE_FALSE: *out = slice_of("false"); return true;
    case VALUE_TRUE: *out = slice_of("true"); return true;
    case VALUE_NUMBER: decimal_write(b, &v->number); break;
    case VALUE_TIME: buf_add_time(b, v->us); break;
    case VALUE_DURATION:
        seconds = seconds_of_us(v->us);
        decimal_write(b, &seconds);
        break;
    case VALUE_NULL:
    case VALUE_JSON: return false;
    }
    *out = (struct slice){b->p + from, b->n - from};
    return true;
}

static enum value_kind truth(bool yes) { return yes ? VALUE_TRUE : VALUE_FALSE; }

static bool is_truth(enum value_kind k) { return k == VALUE_TRUE || k == VALUE_FALSE; }

/* A value as a condition: true, false or null. */
static enum value_kind condition(struct expr *x, const struct value *v) {
    if (!is_truth(v->kind) && v->kind != VALUE_NULL) {
        x->mismatch = true;
        return VALUE_NULL;
    }
    return v->kind;
}

static enum value_kind negated(enum value_kind truth_or_null) {
    return truth_or_null == VALUE_NULL ? VALUE_NULL : truth(truth_or_null == VALUE_FALSE);
}

static enum value_kind both(enum value_kind a, enum value_kind b) {
    if (a == VALUE_FALSE || b == VALUE_FALSE) return VALUE_FALSE;
    return a == VALUE_TRUE && b == VALUE_TRUE ? VALUE_TRUE : VALUE_NULL;
}

static enum value_kind either(enum value_kind a, enum value_kind b) {
    return negated(both(negated(a), negated(b)));
}

/* ---- comparing ---- */

static enum value_kind holds(int how, int cmp) {
    return truth(how & (cmp < 0 ? LESS : cmp > 0 ? GREATER : EQUAL));
}

static bool both_times(
    struct expr *x, const struct value *a, const struct value *b, int64_t *s, int64_t *t) {
    if (a->kind != VALUE_TIME && b->kind != VALUE_TIME) return false;
    return program_time(x, a, s) && program_time(x, b, t);
}

static enum value_kind compare(
    struct expr *x, int how, const struct value *a, const struct value *b) {
    int64_t s, t;
    if (a->kind == b->kind) {
        switch (a->kind) {
        case VALUE_NUMBER: return holds(how, decimal_cmp(&a->number, &b->number));
        case VALUE_STRING: return holds(how, slice_cmp(a->text, b->text));
        case VALUE_TIME:
        case VALUE_DURATION: return holds(how, (a->us > b->us) - (a->us < b->us));
        case VALUE_TRUE:
        case VALUE_FALSE: return holds(how, 0);
        case VALUE_NULL: return VALUE_NULL;
        case VALUE_JSON: break;
        }
    }
    if (a->kind == VALUE_NULL || b->kind == VALUE_NULL) return VALUE_NULL;
    if (is_truth(a->kind) && is_truth(b->kind)) return holds(how, a->kind == VALUE_TRUE ? 1 : -1);
    if (both_times(x, a, b, &s, &t)) return holds(how, (s > t) - (s < t));
    x->mismatch = true;
    return VALUE_NULL;
}

/* ---- like ---- */

static size_t char_bytes(struct slice s, size_t at) {
    size_t n = 1;
    while (at + n < s.n && (s.p[at + n] & 0xC0) == 0x80) n++;
    return n;
}

/* Goes back to the last % only: what an earlier one could still take, the last one can as well. So
 * the cost is at most the product of both lengths. */
static bool like(struct slice s, struct slice pattern) {
    size_t i = 0, j = 0, star = SIZE_MAX, from = 0;
    while (i < s.n) {
        char c = j < pattern.n ? pattern.p[j] : '\0';
        size_t quoted = c == '\\' && j + 1 < pattern.n;
        if (j < pattern.n && c == '%') {
            star = ++j;
            from = i;
        } else if (j < pattern.n && c == '_') {
            j++;
            i += char_bytes(s, i);
        } else if (j < pattern.n && pattern.p[j + quoted] == s.p[i]) {
            j += 1 + quoted;
            i++;
        } else if (star != SIZE_MAX) {
            j = star;
            i = from += char_bytes(s, from);
        } else {
            return false;
        }
    }
    while (j < pattern.n && pattern.p[j] == '%') j++;
    return j == pattern.n;
}

static enum value_kind like_values(struct expr *x, const struct value *a, const struct value *b) {
    if (a->kind == VALUE_NULL || b->kind == VALUE_NULL) return VALUE_NULL;
    if (a->kind == VALUE_STRING && b->kind == VALUE_STRING) return truth(like(a->text, b->text));
    x->mismatch = true;
    return VALUE_NULL;
}

static void concat(struct expr *x, struct value *a, const struct value *b) {
    struct slice s, t;
    if (a->kind == VALUE_NULL || b->kind == VALUE_NULL) {
        a->kind = VALUE_NULL;
        return;
    }
    if (!program_text(x, a, &s) || !program_text(x, b, &t)) {
        program_mismatch(x, a);
        return;
    }
    program_reserve(x, s.n + t.n);
    size_t from = x->scratch.n;
    buf_add_slice(&x->scratch, s);
    buf_add_slice(&x->scratch, t);
    *a = (struct value){.kind = VALUE_STRING, .text = {x->scratch.p + from, s.n + t.n}};
}

/* ---- fields ---- */

static bool at_field(const struct expr *x, int index, struct err *e) {
    struct buf name = {0};
    for (int i = 0; i < x->n_paths; i++)
        if (x->paths[i].index == index) json_path_write(&name, &x->paths[i].path);
    err_at(e, "%.*s", (int)name.n, name.p);
    buf_free(&name);
    return false;
}

static bool load_slow(
    struct expr *x, int index, const struct json_field *f, struct value *out, struct err *e) {
    program_reserve(x, f->n);
    return value_of_field(f, &x->scratch, out, e) || at_field(x, index, e);
}

static inline bool load(
    struct expr *x, const struct expr_input *in, int index, struct value *out, struct err *e) {
    const struct json_field *f = &in->fields[index];
    if (f->kind == JSON_STRING && !f->escaped) {
        out->kind = VALUE_STRING;
        out->text = json_slice(f);
        return true;
    }
    return load_slow(x, index, f, out, e);
}

static bool field_compare(struct expr *x, const struct expr_input *in, const struct insn *i,
    int how, struct value *out, struct err *e) {
    struct value v;
    if (!load(x, in, i->a, &v, e)) return false;
    out->kind = compare(x, how, &v, &x->consts[i->b]);
    return true;
}

static inline bool field_is(struct expr *x, const struct expr_input *in, const struct insn *i,
    struct value *out, struct err *e) {
    const struct json_field *f = &in->fields[i->a];
    if (f->kind != JSON_STRING || f->escaped)
        return field_compare(x, in, i, i->how ? EQUAL : LESS | GREATER, out, e);
    out->kind = truth(slice_eq(json_slice(f), x->consts[i->b].text) == i->how);
    return true;
}

static bool field_is_null(struct expr *x, const struct expr_input *in, const struct insn *i,
    struct value *out, struct err *e) {
    enum json_kind kind = in->fields[i->a].kind;
    if (kind != JSON_STRING && !load(x, in, i->a, out, e)) return false;
    out->kind = truth((kind <= JSON_NULL) != i->how);
    return true;
}

static bool field_in(struct expr *x, const struct expr_input *in, const struct insn *i,
    struct value *out, struct err *e) {
    struct value v;
    const struct value *list = &x->consts[i->b];
    if (!load(x, in, i->a, &v, e)) return false;
    enum value_kind found = VALUE_FALSE;
    if (v.kind != VALUE_STRING) found = compare(x, EQUAL, &v, list);
    for (int k = 0; k < i->c && found == VALUE_FALSE; k++)
        found = truth(slice_eq(v.text, list[k].text));
    out->kind = i->how ? negated(found) : found;
    return true;
}

/* ---- the machine ---- */

static bool call(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    for (int k = 0; k < i->a; k++) {
        if (args[k].kind != VALUE_NULL) continue;
        args->kind = VALUE_NULL;
        return true;
    }
    return functions[i->how].call(x, i, args, e);
}

/* top points at the value on top of the stack. */
bool program_run(struct expr *x, const struct insn *code, int at, int n,
    const struct expr_input *in, struct value *top, struct err *e) {
    for (; at < n; at++) {
        const struct insn *i = &code[at];
        enum value_kind k;
        switch ((enum opcode)i->op) {
        case OP_CONST: *++top = x->consts[i->a]; break;
        case OP_FIELD:
            if (!load(x, in, i->a, ++top, e)) return false;
            break;
        case OP_FIELD_IS_NULL:
            if (!field_is_null(x, in, i, ++top, e)) return false;
            break;
        case OP_TIME:
            *++top = (struct value){
                .kind = in->time == TIME_NONE ? VALUE_NULL : VALUE_TIME, .us = in->time};
            break;
        case OP_FIELD_IS:
            if (!field_is(x, in, i, ++top, e)) return false;
            break;
        case OP_FIELD_IN:
            if (!field_in(x, in, i, ++top, e)) return false;
            break;
        case OP_FIELD_COMPARE:
            if (!field_compare(x, in, i, i->how, ++top, e)) return false;
            break;
        case OP_COMPARE:
            top--;
            top->kind = compare(x, i->how, top, top + 1);
            break;
        case OP_ARITHMETIC:
            top--;
            if (!arithmetic(x, (char)i->how, top, top + 1, top, e)) return false;
            break;
        case OP_CONCAT:
            top--;
            concat(x, top, top + 1);
            break;
        case OP_NEGATE:
            if (!arithmetic_negate(x, top, e)) return false;
            break;
        case OP_NOT: top->kind = negated(condition(x, top)); break;
        case OP_IS_NULL: top->kind = truth((top->kind == VALUE_NULL) != i->how); break;
        case OP_LIKE:
            top--;
            k = like_values(x, top, top + 1);
            top->kind = i->how ? negated(k) : k;
            break;
        case OP_BETWEEN:
            top -= 2;
            k = both(
                compare(x, GREATER | EQUAL, top, top + 1), compare(x, LESS | EQUAL, top, top + 2));
            top->kind = i->how ? negated(k) : k;
            break;
        case OP_IN_ITEM:
            top--;
            if (top->kind != VALUE_TRUE)
                top->kind = either(top->kind, compare(x, EQUAL, top - 1, top + 1));
            break;
        case OP_IN_END:
            k = top->kind;
            top--;
            top->kind = i->how ? negated(k) : k;
            break;
        case OP_AND_JUMP:
            if (top->kind == VALUE_FALSE) at = i->a - 1;
            break;
        case OP_AND:
            top--;
            top->kind = both(condition(x, top), condition(x, top + 1));
            break;
        case OP_OR_JUMP:
            if (top->kind == VALUE_TRUE) at = i->a - 1;
            break;
        case OP_OR:
            top--;
            top->kind = either(condition(x, top), condition(x, top + 1));
            break;
        case OP_JUMP: at = i->a - 1; break;
        case OP_UNLESS:
            if (condition(x, top--) != VALUE_TRUE) at = i->a - 1;
            break;
        case OP_UNLESS_EQUAL:
            top--;
            if (compare(x, EQUAL, top, top + 1) != VALUE_TRUE) at = i->a - 1;
            break;
        case OP_DROP_UNDER:
            top--;
            *top = top[1];
            break;
        case OP_COALESCE:
            if (top->kind != VALUE_NULL) at = i->a - 1;
            else top--;
            break;
        case OP_CALL:
            top -= i->a - 1;
            if (!call(x, i, top, e)) return false;
            break;
        }
    }
    return true;
}

bool expr_eval(
    struct expr *x, const struct expr_input *in, struct expr_result *out, struct err *e) {
    program_begin(x);
    if (!program_run(x, x->code, 0, x->n, in, x->stack, e)) return false;
    out->value = x->stack[1];
    out->mismatch = x->mismatch;
    return true;
}

bool expr_is_true(
    struct expr *x, const struct expr_input *in, uint64_t *mismatches, bool *yes, struct err *e) {
    enum value_kind filtered = x->n_filters ? filters_decide(x, in->fields) : VALUE_NULL;
    int at = filtered == VALUE_TRUE ? x->behind_filters : 0;
    *yes = filtered == VALUE_TRUE;
    if (filtered == VALUE_FALSE || at == x->n) return true;
    program_begin(x);
    x->stack[1].kind = VALUE_TRUE;
    if (!program_run(x, x->code, at, x->n, in, x->stack + (at > 0), e)) return false;
    *yes = condition(x, &x->stack[1]) == VALUE_TRUE;
    *mismatches += x->mismatch && !*yes;
    return true;
}
