/* Evaluates one expression over one event, for the tests of lib/expr. */
#ifndef EV_EXPR_HARNESS_H
#define EV_EXPR_HARNESS_H

#include "check.h"
#include "expr/expr.h"

struct outcome {
    /* The result as JSON; "!" and why the event is bad; "?" and why the expression is wrong. */
    char text[1024];
    bool mismatch;
};

static inline void outcome_set(struct outcome *o, const char *mark, struct slice s) {
    snprintf(o->text, sizeof o->text, "%s%.*s", mark, (int)s.n, s.p);
}

static inline struct outcome evaluate_at(
    const char *text, const char *event, int64_t time, struct zone *zone) {
    struct outcome o = {0};
    struct err e;
    struct json_scanner *scanner = json_scanner_new(1024);
    struct expr *x = expr_parse(slice_of(text), scanner, zone, &e);
    if (!x) {
        outcome_set(&o, "?", slice_of(e.text));
        json_scanner_free(scanner);
        return o;
    }
    int n = json_wanted(scanner);
    struct json_field *fields = calloc((size_t)n + 1, sizeof *fields);
    struct expr_input in = {fields, time};
    struct expr_result r;
    struct buf out = {0};
    if (!json_scan(scanner, slice_of(event), event + strlen(event), fields, &e)) {
        outcome_set(&o, "not JSON: ", slice_of(e.text));
    } else if (!expr_eval(x, &in, &r, &e)) {
        outcome_set(&o, "!", slice_of(e.text));
    } else {
        value_write(&out, &r.value);
        outcome_set(&o, "", buf_slice(&out));
        o.mismatch = r.mismatch;
    }
    buf_free(&out);
    free(fields);
    expr_free(x);
    json_scanner_free(scanner);
    return o;
}

static inline struct outcome evaluate(const char *text, const char *event) {
    return evaluate_at(text, event, TIME_NONE, NULL);
}

#endif
