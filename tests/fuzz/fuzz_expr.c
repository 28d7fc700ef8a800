/* Any text as an expression, over any event: nothing crashes, the result is JSON, and laws hold.
 *
 * For a long run: build/fuzzing/fuzz/fuzz_expr -max_len=256 -dict=tests/fuzz/expr.dict CORPUS
 *
 * An input is a line with the expression, and the event behind it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { EVENT_TIME = 1763085600 };

struct outcome {
    bool parsed, scanned, ok, mismatch;
    struct buf text; /* the result as JSON, or the message */
};

static void check_key(const struct value *v) {
    struct buf key = {0}, again = {0}, scratch = {0};
    struct value back;
    struct err e;
    if (v->kind != VALUE_JSON) {
        MUST(key_add(&key, v, &e));
        struct slice rest = buf_slice(&key);
        key_next(&rest, &scratch, &back);
        MUST(rest.n == 0 && value_cmp(v, &back) == 0);
        MUST(key_add(&again, &back, &e) && slice_eq(buf_slice(&key), buf_slice(&again)));
    } else {
        MUST(!key_add(&key, v, &e));
    }
    buf_free(&key);
    buf_free(&again);
    buf_free(&scratch);
}

static void check_truth(struct expr *x, const struct expr_input *in, const struct expr_result *r) {
    uint64_t mismatches = 0;
    bool yes = false, truth = r->value.kind <= VALUE_TRUE, was_true = r->value.kind == VALUE_TRUE;
    struct err e;
    MUST(expr_is_true(x, in, &mismatches, &yes, &e));
    MUST(yes == was_true && mismatches == (!yes && (r->mismatch || !truth)));
}

static void check_json(struct slice text) {
    struct json_scanner *s = json_scanner_new(4096);
    struct err e;
    MUST(json_scan(s, text, text.p + text.n, NULL, &e));
    json_scanner_free(s);
}

static void evaluate(
    struct expr *x, struct json_scanner *s, struct slice event, struct outcome *o) {
    struct json_field *fields = mem_zero((size_t)json_wanted(s) + 1, sizeof *fields);
    struct expr_input in = {fields, EVENT_TIME * (int64_t)SECOND_US};
    struct expr_result r;
    struct err e;
    o->scanned = json_scan(s, event, event.p + event.n, fields, &e);
    o->ok = o->scanned && expr_eval(x, &in, &r, &e);
    if (o->ok) {
        value_write(&o->text, &r.value);
        o->mismatch = r.mismatch;
        check_key(&r.value);
        check_json(buf_slice(&o->text));
        check_truth(x, &in, &r);
    } else {
        MUST(e.code == EXIT_BAD_DATA);
        buf_adds(&o->text, e.text);
    }
    free(fields);
}

/* The expression with something around it. */
static struct outcome run(
    const char *before, struct slice expr, const char *behind, struct slice event) {
    struct outcome o = {0};
    struct buf text = {0};
    struct err e = {0};
    buf_reserve(&text, 1); /* the empty text has an address as well */
    buf_adds(&text, before);
    buf_add_slice(&text, expr);
    buf_adds(&text, behind);
    struct json_scanner *s = json_scanner_new(1024);
    struct expr *x = expr_parse(buf_slice(&text), s, NULL, &e);
    o.parsed = x != NULL;
    if (x) evaluate(x, s, event, &o);
    else MUST(e.code == EXIT_USAGE && strncmp(e.text, "column ", 7) == 0);
    expr_free(x);
    json_scanner_free(s);
    buf_free(&text);
    return o;
}

static void must_agree(const struct outcome *a, struct outcome b) {
    MUST(b.parsed && a->ok == b.ok);
    MUST(slice_eq(buf_slice(&a->text), buf_slice(&b.text)) && a->mismatch == b.mismatch);
    buf_free(&b.text);
}

/* Regular expressions are the C library's: some take ages. */
static bool is_slow(struct slice expr) {
    return memmem(expr.p, expr.n, "atch", 4) || memmem(expr.p, expr.n, "ATCH", 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const char *p = (const char *)data, *line = n ? memchr(p, '\n', n) : NULL;
    struct slice expr = {p, line ? (size_t)(line - p) : n};
    struct slice event =
        line ? (struct slice){line + 1, n - expr.n - 1} : slice_of("{\"a\":1,\"b\":\"x\"}");
    if (is_slow(expr)) return 0;
    struct outcome o = run("", expr, "", event);
    if (o.parsed) {
        must_agree(&o, run("coalesce(", expr, ")", event));
        must_agree(&o, run("case when true then ", expr, " end", event));
        must_agree(&o, run("if(false, 1/0, ", expr, "\t)", event));
    }
    buf_free(&o.text);
    return 0;
}
