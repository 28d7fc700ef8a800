#include "cli/options.h"

#include <stdlib.h>

#include "base/timestamp.h"

struct parser {
    const struct tool *tool;
    char **argv;
    int argc, at; /* argv[at] is read next */
    const struct option **seen;
    size_t n_seen;
    struct err *e;
};

static const struct option *find(const struct tool *t,
    bool (*is)(const struct option *o, struct slice word), struct slice word) {
    for (size_t g = 0; g < t->n_groups; g++)
        for (size_t i = 0; i < t->groups[g].n; i++)
            if (is(&t->groups[g].options[i], word)) return &t->groups[g].options[i];
    return NULL;
}

static bool has_name(const struct option *o, struct slice word) { return slice_is(word, o->name); }
static bool has_letter(const struct option *o, struct slice word) {
    return o->letter && o->letter == *word.p;
}

/* `word` is as it was typed, `name` what may have been meant by it. */
static bool unknown(const struct tool *t, struct slice word, struct slice name, struct err *e) {
    const char **names = NULL;
    size_t n = 0;
    for (size_t g = 0; g < t->n_groups; g++) {
        const struct option_group *group = &t->groups[g];
        names = mem_grow(names, n + group->n, sizeof *names);
        for (size_t i = 0; i < group->n; i++) names[n++] = group->options[i].name;
    }
    const char *nearest = err_nearest(name, names, n);
    free(names);
    int shown = word.n < 60 ? (int)word.n : 60;
    if (nearest)
        return err_set(
            e, EXIT_USAGE, "unknown option %.*s; did you mean --%s?", shown, word.p, nearest);
    return err_set(e, EXIT_USAGE, "unknown option %.*s; --help lists them", shown, word.p);
}

static void add_text(struct texts *to, const char *text) {
    to->items = mem_grow(to->items, to->n + 1, sizeof *to->items);
    to->items[to->n++] = text;
}

static bool count_parse(struct slice text, int64_t *out, struct err *e) {
    int64_t v = 0;
    for (size_t i = 0; i < text.n; i++) {
        int digit = text.p[i] - '0';
        if (digit < 0 || digit > 9) v = -1;
        if (v < 0 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v)) {
            v = -1;
            break;
        }
    }
    if (!text.n || v < 0)
        return err_set(e, EXIT_USAGE, "not a count: %s (like 1000)", QUOTED(text));
    *out = v;
    return true;
}

static bool word_allowed(const char *words, struct slice text, struct err *e) {
    for (const char *w = words; *w;) {
        size_t n = strcspn(w, " ");
        if (slice_eq((struct slice){w, n}, text)) return true;
        w += n + (w[n] == ' ');
    }
    return err_set(e, EXIT_USAGE, "not one of %s: %s", words, QUOTED(text));
}

static bool convert(const struct option *o, const char *text, struct err *e) {
    struct slice s = slice_of(text);
    if (o->hint == HINT_WORDS && !word_allowed(o->words, s, e)) return false;
    switch (o->kind) {
    case OPTION_TEXT: *(const char **)o->to = text; return true;
    case OPTION_LIST: add_text(o->to, text); return true;
    case OPTION_COUNT: return count_parse(s, o->to, e);
    case OPTION_DURATION: return duration_parse(s, false, o->to, e);
    case OPTION_SIZE: return size_parse(s, o->to, e);
    case OPTION_FLAG:
    case OPTION_NO:
    case OPTION_ACTION: break;
    }
    return true;
}

static bool takes_value(const struct option *o) {
    return o->kind != OPTION_FLAG && o->kind != OPTION_NO && o->kind != OPTION_ACTION;
}

/* The last of two would win in silence: half of a --where would be lost. */
static bool is_repeated(struct parser *p, const struct option *o) {
    if (!takes_value(o) || o->kind == OPTION_LIST) return false;
    for (size_t i = 0; i < p->n_seen; i++)
        if (p->seen[i] == o) return true;
    p->seen = mem_grow(p->seen, p->n_seen + 1, sizeof *p->seen);
    p->seen[p->n_seen++] = o;
    return false;
}

/* value: what stood behind = or behind the letter; NULL takes the next word. */
static bool apply(
    struct parser *p, const struct option *o, const char *value, const char **action) {
    if (is_repeated(p, o)) return err_set(p->e, EXIT_USAGE, "--%s is given twice", o->name);
    if (o->given) *o->given = true;
    if (o->kind == OPTION_ACTION) *action = o->name;
    if (o->kind == OPTION_FLAG || o->kind == OPTION_NO) *(bool *)o->to = o->kind == OPTION_FLAG;
    if (!takes_value(o)) return !value || err_set(p->e, EXIT_USAGE, "--%s takes no value", o->name);
    if (!value && p->at < p->argc) value = p->argv[p->at++];
    if (!value)
        return err_set(p->e, EXIT_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
    return convert(o, value, p->e) || err_at(p->e, "--%s", o->name);
}

static bool parse_long(struct parser *p, const char *word, const char **action) {
    const char *equals = strchr(word, '=');
    struct slice name = {word + 2, (equals ? (size_t)(equals - word) : strlen(word)) - 2};
    const struct option *o = find(p->tool, has_name, name);
    if (!o) return unknown(p->tool, (struct slice){word, name.n + 2}, name, p->e);
    return apply(p, o, equals ? equals + 1 : NULL, action);
}

static bool parse_letters(struct parser *p, const char *word, const char **action) {
    for (const char *at = word + 1; *at && !*action; at++) {
        const struct option *o = find(p->tool, has_letter, (struct slice){at, 1});
        if (!o) {
            /* A long name behind one dash is a common slip; name it whole. */
            struct slice whole = {word + 1, strcspn(word + 1, "=")};
            return unknown(
                p->tool, at == word + 1 ? slice_of(word) : (struct slice){at, 1}, whole, p->e);
        }
        bool rest = takes_value(o) && at[1];
        if (!apply(p, o, rest ? at + 1 : NULL, action)) return false;
        if (takes_value(o)) return true;
    }
    return true;
}

static bool parse_words(struct parser *p, struct texts *operands, const char **action) {
    while (p->at < p->argc && !*action) {
        const char *word = p->argv[p->at++];
        if (strcmp(word, "--") == 0) break;
        if (word[0] != '-' || !word[1]) {
            add_text(operands, word);
        } else if (!(word[1] == '-' ? parse_long : parse_letters)(p, word, action)) {
            return false;
        }
    }
    while (p->at < p->argc && !*action) add_text(operands, p->argv[p->at++]);
    return true;
}

bool options_parse(const struct tool *t, int argc, char **argv, struct texts *operands,
    const char **action, struct err *e) {
    struct parser p = {.tool = t, .argv = argv, .argc = argc, .at = 1, .e = e};
    *action = NULL;
    bool ok = parse_words(&p, operands, action);
    free(p.seen);
    return ok;
}
