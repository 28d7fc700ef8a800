/* Keys, the total order, and the rest of the contract of expr.h and value.h. */
#include "check.h"
#include "expr/expr.h"

/* In the total order; those of one line are equal. */
static const char *const ordered[] = {"null", "false", "true",
    "-99999999999999999999999999999999999999", "-1e3", "-1.000000000000000000000000000001", "-1",
    "-0.5", "0", "1e-38", "0.1", "1", "1.5", "2", "10", "9223372036854775807",
    "9223372036854775808", "1e37", "\"\"", "\"\\u0000\"", "\"\\u0000\\u0000\"",
    "\"\\u0000\\u0001\"", "\"\\u0000a\"", "\"\\u0001\"", "\"1\"", "\"a\"", "\"a\\u0000\"",
    "\"a\\u0000b\"", "\"a\\u0001\"", "\"ab\"", "\"b\"", "\"\xc3\xa9\"", "\"\xef\xbf\xbd\"",
    "\"\\ud83d\\ude00\""};
enum { N_ORDERED = sizeof ordered / sizeof *ordered };

static struct json_field field_of(const char *json) {
    size_t n = strlen(json);
    if (*json == '"')
        return (struct json_field){
            json + 1, (uint32_t)n - 2, JSON_STRING, strchr(json, '\\') != NULL};
    uint8_t kind = *json == 'n'   ? JSON_NULL
                   : *json == 'f' ? JSON_FALSE
                   : *json == 't' ? JSON_TRUE
                   : *json == '{' ? JSON_OBJECT
                   : *json == '[' ? JSON_ARRAY
                                  : JSON_NUMBER;
    return (struct json_field){json, (uint32_t)n, kind, false};
}

static struct value value_of(const char *json, struct buf *scratch) {
    struct json_field f = field_of(json);
    struct value v;
    struct err e;
    CHECK(value_of_field(&f, scratch, &v, &e));
    return v;
}

static struct buf key_of(const struct value *v) {
    struct buf key = {0};
    struct err e;
    CHECK(key_add(&key, v, &e));
    return key;
}

static int sign(int c) { return (c > 0) - (c < 0); }

static void keys_follow_the_total_order(void) {
    for (int i = 0; i < N_ORDERED; i++) {
        struct buf a_scratch = {0};
        struct value a = value_of(ordered[i], &a_scratch);
        struct buf k = key_of(&a);
        for (int j = 0; j < N_ORDERED; j++) {
            struct buf b_scratch = {0};
            struct value b = value_of(ordered[j], &b_scratch);
            struct buf l = key_of(&b);
            CHECK(sign(value_cmp(&a, &b)) == sign(i - j));
            CHECK(sign(slice_cmp(buf_slice(&k), buf_slice(&l))) == sign(i - j));
            CHECK(i == j || k.n > l.n || memcmp(k.p, l.p, k.n) != 0);
            buf_free(&l);
            buf_free(&b_scratch);
        }
        buf_free(&k);
        buf_free(&a_scratch);
    }
}

/* The keys of all values one behind the other are read back; those of fields are the same bytes. */
static void keys_are_read_back(void) {
    struct buf keys = {0}, of_fields = {0}, scratch = {0}, decoded = {0};
    struct err e;
    for (int i = 0; i < N_ORDERED; i++) {
        struct json_field f = field_of(ordered[i]);
        struct value v = value_of(ordered[i], &scratch);
        CHECK(key_add(&keys, &v, &e) && key_add_field(&of_fields, &f, &scratch, &e));
    }
    CHECK(slice_eq(buf_slice(&keys), buf_slice(&of_fields)));
    struct slice rest = buf_slice(&keys);
    struct value read[N_ORDERED];
    for (int i = 0; i < N_ORDERED; i++) key_next(&rest, &decoded, &read[i]);
    CHECK(rest.n == 0);
    for (int i = 0; i < N_ORDERED; i++) {
        scratch.n = 0;
        struct value v = value_of(ordered[i], &scratch);
        CHECK(v.kind == read[i].kind && value_cmp(&v, &read[i]) == 0);
    }
    buf_free(&keys);
    buf_free(&of_fields);
    buf_free(&scratch);
    buf_free(&decoded);
}

static void check_written(const struct value *v, const char *want) {
    struct buf out = {0};
    value_write(&out, v);
    buf_addc(&out, '\0');
    CHECK_STR(out.p, want);
    buf_free(&out);
}

/* A time is its text everywhere, a duration its seconds. */
static void times_and_durations_have_a_form(void) {
    struct buf scratch = {0};
    struct value t = {.kind = VALUE_TIME, .us = 0}, d = {.kind = VALUE_DURATION, .us = -1500000};
    struct value text = value_of("\"1970-01-01T00:00:00Z\"", &scratch),
                 number = value_of("-1.5", &scratch);
    struct value half = {.kind = VALUE_TIME, .us = 500000},
                 max = {.kind = VALUE_DURATION, .us = INT64_MAX};
    struct buf a = key_of(&t), b = key_of(&text), c = key_of(&d), n = key_of(&number);
    CHECK(value_cmp(&t, &text) == 0 && slice_eq(buf_slice(&a), buf_slice(&b)));
    CHECK(value_cmp(&d, &number) == 0 && slice_eq(buf_slice(&c), buf_slice(&n)));
    CHECK(value_cmp(&half, &t) < 0); /* as texts: "00.500000Z" < "00Z" */
    CHECK(value_cmp(&d, &t) < 0);
    check_written(&half, "\"1970-01-01T00:00:00.500000Z\"");
    check_written(&d, "-1.5");
    check_written(&max, "9223372036854.775807");
    buf_free(&a);
    buf_free(&b);
    buf_free(&c);
    buf_free(&n);
    buf_free(&scratch);
}

static void bad_fields_are_said(void) {
    static const char *const bad[] = {"1e38", "-1e999999", "\"\\udc00\""};
    struct buf scratch = {0}, key = {0};
    struct value v;
    struct err e = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json_field f = field_of(bad[i]);
        CHECK(!value_of_field(&f, &scratch, &v, &e) && e.code == EXIT_BAD_DATA);
        CHECK(!key_add_field(&key, &f, &scratch, &e) && e.code == EXIT_BAD_DATA);
    }
    struct json_field object = field_of("{}");
    CHECK(!key_add_field(&key, &object, &scratch, &e));
    CHECK_STR(e.text, "an object or array is no key");
    v = value_of("[1]", &scratch);
    CHECK(!key_add(&key, &v, &e));
    CHECK(key.n == 0);
    check_written(&v, "[1]");
    buf_free(&scratch);
    buf_free(&key);
}

/* ---- expr.h ---- */

static void count_path(void *ctx, int index, const struct json_path *path) {
    (void)index;
    struct buf *names = ctx;
    json_path_write(names, path);
    buf_addc(names, ' ');
}

static void lists_are_parsed_from_the_front(void) {
    struct json_scanner *s = json_scanner_new(1024);
    struct err e;
    const char *list = " a.b , coalesce(c, a.b, 'x,y') || @time,d";
    struct slice rest = slice_of(list);
    struct expr *first = expr_parse_front(&rest, list, s, NULL, &e);
    CHECK(first && expr_field(first) == 0 && !expr_uses_time(first));
    CHECK(slice_is(expr_text(first), "a.b") && *rest.p == ',');
    rest = (struct slice){rest.p + 1, rest.n - 1};
    struct expr *second = expr_parse_front(&rest, list, s, NULL, &e);
    CHECK(second && expr_field(second) == -1 && expr_uses_time(second));
    CHECK(slice_is(expr_text(second), "coalesce(c, a.b, 'x,y') || @time") && slice_is(rest, ",d"));
    struct buf names = {0};
    expr_each_path(second, count_path, &names);
    CHECK(slice_is(buf_slice(&names), "c a.b "));
    buf_free(&names);
    rest = slice_of("a b");
    CHECK(!expr_parse_front(&rest, rest.p, s, NULL, &e) && e.code == EXIT_USAGE);
    CHECK_STR(e.text, "column 3: expected an operator, ',' or the end, found 'b'");
    const char *two = "a,b = = 1";
    rest = slice_of(two + 2);
    CHECK(!expr_parse_front(&rest, two, s, NULL, &e));
    CHECK_STR(e.text, "column 7: expected a value, found '='");
    expr_free(first);
    expr_free(second);
    expr_free(NULL);
    json_scanner_free(s);
}

/* Truth as --where takes it, and how mismatches are counted; one expression over several events. */
static void only_true_is_true(void) {
    static const struct {
        const char *event;
        bool yes;
        uint64_t mismatches;
    } rows[] = {{"{\"a\":\"x\",\"b\":2}", true, 0}, {"{\"a\":\"x\",\"b\":1}", false, 0},
        {"{\"a\":\"\\u0078\",\"b\":20}", true, 0}, {"{\"a\":\"x\"}", false, 0},
        {"{\"a\":1,\"b\":2}", false, 1}, {"{\"a\":1,\"b\":1}", false, 2},
        {"{\"b\":\"2\",\"a\":\"x\"}", false, 3}};
    struct json_scanner *s = json_scanner_new(1024);
    struct err e;
    struct expr *x = expr_parse(slice_of("a = 'x' and b > 1"), s, NULL, &e),
                *number = expr_parse(slice_of("b"), s, NULL, &e);
    struct json_field fields[2];
    uint64_t mismatches = 0;
    bool yes;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice event = slice_of(rows[i].event);
        CHECK(json_scan(s, event, event.p + event.n, fields, &e));
        struct expr_input in = {fields, TIME_NONE};
        CHECK(expr_is_true(x, &in, &mismatches, &yes, &e));
        CHECK(yes == rows[i].yes && mismatches == rows[i].mismatches);
    }
    CHECK(expr_is_true(number, &(struct expr_input){fields, 0}, &mismatches, &yes, &e));
    CHECK(!yes && mismatches == 4);
    expr_free(x);
    expr_free(number);
    json_scanner_free(s);
}

/* Strings that an evaluation made keep their place while scratch grows. */
static void texts_do_not_move(void) {
    struct json_scanner *s = json_scanner_new(1024);
    struct err e;
    char event[9000], *p = event;
    struct expr *x = expr_parse(
        slice_of(
            "upper(a) || lower(a) = upper(b) || lower(b) and length(a || b || a || b) = 12000"),
        s, NULL, &e);
    p += sprintf(p, "{\"a\":\"\\u0041");
    for (int i = 1; i < 3000; i++) *p++ = 'k';
    p += sprintf(p, "\",\"b\":\"A");
    for (int i = 1; i < 3000; i++) *p++ = 'k';
    p += sprintf(p, "\"}");
    struct json_field fields[2];
    struct expr_result r;
    CHECK(json_scan(s, (struct slice){event, (size_t)(p - event)}, p, fields, &e));
    for (int i = 0; i < 3; i++)
        CHECK(expr_eval(x, &(struct expr_input){fields, 0}, &r, &e) && r.value.kind == VALUE_TRUE);
    expr_free(x);
    json_scanner_free(s);
}

int main(void) {
    RUN(keys_follow_the_total_order);
    RUN(keys_are_read_back);
    RUN(times_and_durations_have_a_form);
    RUN(bad_fields_are_said);
    RUN(lists_are_parsed_from_the_front);
    RUN(only_true_is_true);
    RUN(texts_do_not_move);
    return check_done();
}
