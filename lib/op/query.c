#include "op/query.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "json/path.h"

static struct slice trim(struct slice s) {
    while (s.n && isspace((unsigned char)s.p[0])) s.p++, s.n--;
    while (s.n && isspace((unsigned char)s.p[s.n - 1])) s.n--;
    return s;
}

/* Takes `name=` off the front of *text, but not the front of `a==b`; the name is NULL where there is none. */
static struct slice take_name(struct slice *text) {
    struct slice s = trim(*text);
    size_t n = 0;
    while (n < s.n && (isalnum((unsigned char)s.p[n]) || s.p[n] == '_' || (s.p[n] & 0x80))) n++;
    if (!n || n >= s.n || s.p[n] != '=' || (n + 1 < s.n && s.p[n + 1] == '='))
        return (struct slice){0};
    *text = (struct slice){s.p + n + 1, s.n - n - 1};
    return (struct slice){s.p, n};
}

struct last_path {
    struct slice name;
};

static void remember_path(void *ctx, int index, const struct json_path *path) {
    (void)index;
    ((struct last_path *)ctx)->name = json_path_name(path);
}

/* A bare path is named by its last key, anything else by its text. */
static char *name_of(struct slice given, const struct expr *x) {
    struct last_path last = {expr_text(x)};
    if (given.p) return mem_str(given);
    if (expr_field(x) >= 0) expr_each_path(x, remember_path, &last);
    return mem_str(last.name.p ? last.name : expr_text(x));
}

bool query_add_by(
    struct query *q, struct slice list, struct json_scanner *s, struct zone *z, struct err *e) {
    for (struct slice rest = list;;) {
        struct slice given = take_name(&rest);
        struct expr *x = expr_parse_front(&rest, list.p, s, z, e);
        if (!x) return err_at(e, "--by");
        q->by = mem_grow(q->by, q->n_by + 1, sizeof *q->by);
        q->by[q->n_by++] = (struct group_column){name_of(given, x), x};
        if (!rest.n) return true;
        rest = (struct slice){rest.p + 1, rest.n - 1};
    }
}

static const struct {
    const char *name;
    enum aggregate_kind kind;
} functions[] = {{"count", AGG_COUNT}, {"sum", AGG_SUM}, {"avg", AGG_AVG}, {"min", AGG_MIN},
    {"max", AGG_MAX}, {"first", AGG_FIRST}, {"last", AGG_LAST}};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions };

static bool find_function(
    struct slice name, enum aggregate_kind *kind, bool *conditional, struct err *e) {
    const char *names[2 * N_FUNCTIONS];
    char with_if[N_FUNCTIONS][16];
    struct slice base = name;
    *conditional = name.n > 3 && strncasecmp(name.p + name.n - 3, "_if", 3) == 0;
    if (*conditional) base.n -= 3;
    for (size_t i = 0; i < N_FUNCTIONS; i++) {
        *kind = functions[i].kind;
        if (base.n == strlen(functions[i].name) &&
            strncasecmp(base.p, functions[i].name, base.n) == 0)
            return true;
        snprintf(with_if[i], sizeof with_if[i], "%s_if", functions[i].name);
        names[2 * i] = functions[i].name;
        names[2 * i + 1] = with_if[i];
    }
    const char *near = err_nearest(name, names, 2 * N_FUNCTIONS);
    if (near)
        return err_set(e, EXIT_USAGE, "unknown aggregate %s; did you mean %s?", QUOTED(name), near);
    return err_set(e, EXIT_USAGE,
        "unknown aggregate %s; there are count sum avg min max first last, each also as ..._if",
        QUOTED(name));
}

static bool next_argument(struct slice *args, struct slice whole, struct json_scanner *s,
    struct zone *z, struct expr **out, struct err *e) {
    *out = expr_parse_front(args, whole.p, s, z, e);
    return *out || err_at(e, "%s", QUOTED(whole));
}

/* args: what stands between the parentheses. count(), count(*) and count_if(cond) need no value. */
static bool parse_arguments(struct aggregate_column *c, bool conditional, struct slice args,
    struct slice whole, struct json_scanner *s, struct zone *z, struct err *e) {
    if (c->kind == AGG_COUNT && !conditional && slice_is(trim(args), "*")) return true;
    bool wants_value = c->kind != AGG_COUNT || (!conditional && trim(args).n);
    struct slice rest = args;
    if (wants_value && !next_argument(&rest, whole, s, z, &c->value, e)) return false;
    if (wants_value && conditional) {
        if (!rest.n)
            return err_set(e, EXIT_USAGE,
                "%s needs a value and a condition, like sum_if(price, qty > 0)", QUOTED(whole));
        rest = (struct slice){rest.p + 1, rest.n - 1};
    }
    if (conditional && !next_argument(&rest, whole, s, z, &c->condition, e)) return false;
    if (rest.n && conditional && c->kind == AGG_COUNT && !c->value) {
        /* count_if(x, cond): the values of x where the condition holds. */
        c->value = c->condition;
        rest = (struct slice){rest.p + 1, rest.n - 1};
        if (!next_argument(&rest, whole, s, z, &c->condition, e)) return false;
    }
    if (rest.n) return err_set(e, EXIT_USAGE, "too many arguments in %s", QUOTED(whole));
    return true;
}

bool query_add_aggregate(
    struct query *q, struct slice text, struct json_scanner *s, struct zone *z, struct err *e) {
    struct slice body = trim(text);
    struct slice given = take_name(&body);
    body = trim(body);
    size_t n = 0;
    while (n < body.n && (isalnum((unsigned char)body.p[n]) || body.p[n] == '_')) n++;
    struct slice name = {body.p, n}, rest = trim((struct slice){body.p + n, body.n - n});
    struct aggregate_column c = {.kind = AGG_COUNT};
    bool conditional, call = rest.n >= 2 && rest.p[0] == '(' && rest.p[rest.n - 1] == ')';
    if (!n || (rest.n && !call))
        return err_set(
            e, EXIT_USAGE, "not an aggregate: %s; like n=count or 'avg(price)'", QUOTED(text));
    if (!find_function(name, &c.kind, &conditional, e)) return false;
    if (!call && (conditional || c.kind != AGG_COUNT))
        return err_set(
            e, EXIT_USAGE, "%s needs a value, like '%.*s(price)'", QUOTED(name), (int)n, body.p);
    struct slice args = call ? (struct slice){rest.p + 1, rest.n - 2} : (struct slice){rest.p, 0};
    c.name = mem_str(given.p ? given : body);
    q->aggs = mem_grow(q->aggs, q->n_aggs + 1, sizeof *q->aggs);
    bool ok = parse_arguments(&c, conditional, args, body, s, z, e);
    q->aggs[q->n_aggs++] = c;
    return ok;
}

static const char *column_name(const struct query *q, size_t i) {
    return i < q->n_by ? q->by[i].name : q->aggs[i - q->n_by].name;
}

bool query_check_names(
    const struct query *q, const char *const *reserved, size_t n, struct err *e) {
    for (size_t i = 0; i < q->n_by + q->n_aggs; i++) {
        const char *name = column_name(q, i);
        for (size_t k = 0; k < n; k++)
            if (strcmp(name, reserved[k]) == 0)
                return err_set(e, EXIT_USAGE, "a column named %s is %s; name yours: other=...",
                    name, *name == '@' ? "reserved for control lines" : "there already");
        for (size_t k = 0; k < i; k++)
            if (strcmp(name, column_name(q, k)) == 0)
                return err_set(
                    e, EXIT_USAGE, "two columns are named %s; name one: other=...", name);
    }
    return true;
}

void query_free(struct query *q) {
    for (size_t i = 0; i < q->n_by; i++) {
        free(q->by[i].name);
        expr_free(q->by[i].value);
    }
    for (size_t i = 0; i < q->n_aggs; i++) {
        free(q->aggs[i].name);
        expr_free(q->aggs[i].value);
        expr_free(q->aggs[i].condition);
    }
    free(q->by);
    free(q->aggs);
    *q = (struct query){0};
}
