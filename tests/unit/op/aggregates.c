/* Exact, and the same whatever the order of adding, merging and taking out. */
#include "op/aggregate.h"

#include "base/timestamp.h"
#include "check.h"

static uint64_t random_state = 1;
static uint64_t draw(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545F4914F6CDD1D) >> 11;
}

static const enum aggregate_kind all_kinds[] = {
    AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX, AGG_FIRST, AGG_LAST};
enum { ALL = sizeof all_kinds / sizeof *all_kinds };

static struct value number(const char *text) {
    struct value v = {.kind = VALUE_NUMBER};
    CHECK(decimal_parse(slice_of(text), &v.number));
    return v;
}
static struct value string(const char *text) {
    return (struct value){.kind = VALUE_STRING, .text = slice_of(text)};
}

static void add_at(
    struct aggregates *a, void *group, const struct value *v, int64_t time, const char *text) {
    struct aggregate_input in[ALL];
    for (int i = 0; i < ALL; i++) in[i] = (struct aggregate_input){.value = *v};
    struct err e;
    size_t which;
    CHECK(aggregates_check(a, in, &which, &e));
    aggregates_add(a, group, in, time, slice_of(text));
}

static const char *results(const struct aggregates *a, const void *group, size_t n) {
    static struct buf out;
    out.n = 0;
    for (size_t i = 0; i < n; i++) {
        if (i) buf_addc(&out, ' ');
        aggregates_write(a, group, i, &out);
    }
    buf_addc(&out, '\0');
    return out.p;
}

/* ---- one kind at a time ---- */

static const char *one(enum aggregate_kind kind, const struct value *values, size_t n) {
    static char line[400];
    struct aggregates *a = aggregates_new(&kind, 1);
    uint64_t group = 0;
    CHECK(aggregates_layout(a) == 8);
    for (size_t i = 0; i < n; i++) add_at(a, &group, &values[i], 0, "{}");
    snprintf(line, sizeof line, "%s", results(a, &group, 1));
    aggregates_clear(a, &group);
    CHECK(group == 0);
    aggregates_free(a);
    return line;
}
#define ONE(kind, ...)                                                                             \
    one(kind, (struct value[]){__VA_ARGS__},                                                       \
        sizeof((struct value[]){__VA_ARGS__}) / sizeof(struct value))

static void nothing_is_null_but_a_count_is_zero(void) {
    struct aggregates *a = aggregates_new(all_kinds, ALL);
    uint64_t group[ALL] = {0};
    CHECK_STR(results(a, group, ALL), "0 null null null null null null");
    struct aggregate_input skip[ALL];
    for (int i = 0; i < ALL; i++) skip[i] = (struct aggregate_input){.skip = true};
    aggregates_add(a, group, skip, 0, slice_of("{}"));
    CHECK_STR(results(a, group, ALL), "0 null null null null null null");
    aggregates_free(a);
}

static void sums_are_exact(void) {
    CHECK_STR(ONE(AGG_SUM, number("0.1"), number("0.2")), "0.3");
    CHECK_STR(ONE(AGG_SUM, number("1"), number("-1.0")), "0");
    CHECK_STR(
        ONE(AGG_SUM, number("9007199254740993"), number("0.0000001")), "9007199254740993.0000001");
    CHECK_STR(ONE(AGG_SUM, number("99999999999999999999999999999999999999"), number("0.5"),
                  number("99999999999999999999999999999999999999"), number("2")),
        "200000000000000000000000000000000000000.5");
    CHECK_STR(ONE(AGG_SUM, number("1e37"), number("1e-38"), number("-1e37")),
        "0.00000000000000000000000000000000000001");
    CHECK_STR(ONE(AGG_SUM, number("9223372036854775807"), number("9223372036854775807"),
                  number("1.5"), number("-9223372036854775807")),
        "9223372036854775808.5");
    CHECK_STR(ONE(AGG_SUM, number("9000000000000"), number("9000000000000"), number("0.000001")),
        "18000000000000.000001");
    CHECK_STR(ONE(AGG_AVG, number("1"), number("2"), number("2")), "1.6666666666666667");
    CHECK_STR(ONE(AGG_AVG, number("0.1"), number("0.1"), number("0.1")), "0.1");
}

static void pending_of_a_wide_sum_overflows_exactly(void) {
    struct value v[10];
    for (int i = 0; i < 10; i++) v[i] = number(i % 2 ? "9000000000000" : "8999999999999.5");
    CHECK_STR(one(AGG_SUM, v, 10), "89999999999997.5");
    for (int i = 0; i < 10; i++) v[i] = number(i % 2 ? "-9000000000000" : "-8999999999999.5");
    CHECK_STR(one(AGG_SUM, v, 10), "-89999999999997.5");
}

static void extremes_follow_the_total_order(void) {
    CHECK_STR(ONE(AGG_MIN, number("2"), number("10"), number("-3.5")), "-3.5");
    CHECK_STR(ONE(AGG_MAX, number("2"), number("10"), number("-3.5")), "10");
    CHECK_STR(ONE(AGG_MAX, number("1e30"), number("10"), number("1e-30")),
        "1000000000000000000000000000000");
    CHECK_STR(ONE(AGG_MIN, number("1e30"), number("0"), number("-1e-30")),
        "-0.000000000000000000000000000001");
    CHECK_STR(ONE(AGG_MIN, string("b"), number("10"), string("a")), "10");
    CHECK_STR(ONE(AGG_MAX, string("b"), number("10"), string("ab\"")), "\"b\"");
    CHECK_STR(ONE(AGG_MIN, number("0"), (struct value){.kind = VALUE_TRUE}), "true");
    CHECK_STR(ONE(AGG_MIN, number("4611686018427.387903"), number("4611686018427.387904")),
        "4611686018427.387903");
    CHECK_STR(ONE(AGG_MAX, number("-4611686018427.387904"), number("-4611686018427.387905")),
        "-4611686018427.387904");
    CHECK_STR(ONE(AGG_MAX, string("")), "\"\"");
}

static void durations_are_seconds_and_times_their_text(void) {
    struct value minutes = {.kind = VALUE_DURATION, .us = 90 * SECOND_US},
                 time = {.kind = VALUE_TIME, .us = SECOND_US / 2};
    CHECK_STR(ONE(AGG_SUM, minutes, number("0.5")), "90.5");
    CHECK_STR(ONE(AGG_MAX, minutes, number("89")), "90");
    CHECK_STR(ONE(AGG_FIRST, minutes), "90");
    CHECK_STR(ONE(AGG_MIN, time, string("2")), "\"1970-01-01T00:00:00.500000Z\"");
    CHECK_STR(ONE(AGG_LAST, time), "\"1970-01-01T00:00:00.500000Z\"");
}

static void first_and_last_go_by_time_then_bytes(void) {
    struct aggregates *a = aggregates_new(all_kinds + 5, 2);
    static const struct {
        int64_t time;
        const char *text;
    } events[] = {{5, "{b}"}, {3, "{z}"}, {3, "{c}"}, {9, "{a}"}, {9, "{m}"}, {4, "{q}"}};
    uint64_t group[2] = {0};
    for (int i = 0; i < 6; i++) {
        struct value v = string(events[i].text);
        add_at(a, group, &v, events[i].time, events[i].text);
    }
    CHECK_STR(results(a, group, 2), "\"{c}\" \"{m}\"");
    aggregates_free(a);
}

static const char *message(enum aggregate_kind kind, struct value v) {
    static struct err e;
    struct aggregates *a = aggregates_new((enum aggregate_kind[]){AGG_COUNT, kind}, 2);
    struct aggregate_input in[2] = {{.value = v}, {.value = v}};
    size_t which = 9;
    bool good = aggregates_check(a, in, &which, &e);
    aggregates_free(a);
    if (good) return "good";
    CHECK(which == 1 && e.code == EXIT_BAD_DATA);
    return e.text;
}

static void wrong_types_are_named(void) {
    struct value object = {.kind = VALUE_JSON, .text = slice_of("{\"a\":1}")},
                 array = {.kind = VALUE_JSON, .text = slice_of("[1]")};
    CHECK_STR(message(AGG_AVG, string("abc")), "avg: expected a number, found the string \"abc\"");
    CHECK_STR(message(AGG_SUM, object), "sum: expected a number, found an object");
    CHECK_STR(message(AGG_SUM, (struct value){.kind = VALUE_TIME}),
        "sum: expected a number, found a time");
    CHECK_STR(message(AGG_AVG, (struct value){.kind = VALUE_TRUE}),
        "avg: expected a number, found true or false");
    CHECK_STR(message(AGG_MIN, array),
        "min: expected a number, string, time or true or false, found an array");
    CHECK_STR(message(AGG_LAST, object),
        "last: expected a number, string, time or true or false, found an object");
    CHECK_STR(message(AGG_COUNT, object), "good");
    CHECK_STR(message(AGG_FIRST, (struct value){.kind = VALUE_FALSE}), "good");
}

/* ---- laws ---- */

enum { EVENTS = 120, GROUPS = 6, ROUNDS = 400 };

struct event {
    struct value value;
    int64_t time;
    char text[24]; /* of one event alone */
};

/* Numbers of all sizes, so that some cells stay small, some go wide, some do so in one order and
 * not in another. */
static void random_event(struct event *e) {
    static const int64_t sizes[] = {10, 1000, 1000000, 500000000000, 4000000000000000, INT64_MAX};
    int64_t size = sizes[draw() % 6], n = (int64_t)(draw() % (uint64_t)size);
    e->value = (struct value){.kind = VALUE_NUMBER};
    e->value.number =
        (struct decimal){.small = draw() % 2 ? n : -n, .scale = (uint8_t)(draw() % 10)};
    if (draw() % 40 == 0) e->value = number(draw() % 2 ? "9.9e37" : "-9.9e37");
    if (draw() % 40 == 0) e->value = number("1.00000000000000000000000000000000000001");
    e->time = (int64_t)(draw() % 20);
    static unsigned long events;
    snprintf(e->text, sizeof e->text, "%u/%lu", (unsigned)(draw() % 50), ++events);
}

static void shuffle(struct event *events, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = draw() % i;
        struct event t = events[i - 1];
        events[i - 1] = events[j];
        events[j] = t;
    }
}

/* Dealt over groups that are merged in some order; a part that does not belong is merged and taken
 * out again. */
static const char *dealt(struct aggregates *a, size_t kinds, struct event *events, size_t n) {
    uint64_t groups[GROUPS][ALL] = {{0}}, foreign[ALL] = {0}, *all = groups[0];
    for (size_t i = 0; i < n; i++)
        add_at(a, groups[draw() % GROUPS], &events[i].value, events[i].time, events[i].text);
    for (size_t i = 0; i < 10; i++) {
        struct event e;
        random_event(&e);
        add_at(a, foreign, &e.value, 100, e.text);
    }
    for (size_t i = 1; i < GROUPS; i++) {
        aggregates_merge(a, all, groups[i]);
        if (i == 3) {
            uint64_t with[ALL] = {0};
            aggregates_merge(a, with, all);
            aggregates_merge(a, with, foreign);
            if (aggregates_unmerge(a, with, foreign)) {
                aggregates_clear(a, all);
                aggregates_merge(a, all, with);
            }
            aggregates_clear(a, with);
        }
    }
    const char *line = results(a, all, kinds);
    for (size_t i = 0; i < GROUPS; i++) aggregates_clear(a, groups[i]);
    aggregates_clear(a, foreign);
    return line;
}

static void no_order_changes_a_digit(void) {
    static struct event events[EVENTS];
    char expected[1000];
    struct aggregates *a = aggregates_new(all_kinds, ALL), *sums = aggregates_new(all_kinds, 3);
    for (int round = 0; round < ROUNDS && check_ok; round++) {
        size_t n = 1 + draw() % EVENTS;
        for (size_t i = 0; i < n; i++) random_event(&events[i]);
        struct sum sum = {0};
        for (size_t i = 0; i < n; i++) sum_add(&sum, &events[i].value.number);
        snprintf(expected, sizeof expected, "%s", dealt(a, ALL, events, n));
        for (int again = 0; again < 3; again++) {
            shuffle(events, n);
            CHECK_STR(dealt(a, ALL, events, n), expected);
        }
        struct buf want = {0};
        buf_printf(&want, "%zu ", n);
        sum_write(&want, &sum);
        buf_addc(&want, ' ');
        sum_write_quotient(&want, &sum, n);
        buf_addc(&want, ' ');
        CHECK(strncmp(expected, want.p, want.n) == 0);
        want.n--;
        CHECK(strncmp(dealt(sums, 3, events, n), want.p, want.n) == 0);
        buf_free(&want);
    }
    CHECK(aggregates_aside(a) < 256 * 1024); /* what was cleared has been used again */
    aggregates_free(a);
    aggregates_free(sums);
}

enum { MILLION = 1000000 };

static int64_t *million_numbers(int64_t *sum) {
    int64_t *v = malloc(MILLION * sizeof *v);
    *sum = 0;
    for (size_t i = 0; i < MILLION; i++) {
        v[i] = (int64_t)(draw() % 2000000000) - 700000000;
        *sum += v[i];
    }
    return v;
}

static void shuffle_numbers(int64_t *v) {
    for (size_t i = MILLION; i > 1; i--) {
        size_t j = draw() % i;
        int64_t t = v[i - 1];
        v[i - 1] = v[j], v[j] = t;
    }
}

static void check_million(const int64_t *v, int exponent, const char *want) {
    enum aggregate_kind kind = AGG_SUM;
    struct aggregates *a = aggregates_new(&kind, 1);
    uint64_t group = 0;
    struct aggregate_input in = {.value.kind = VALUE_NUMBER};
    char text[40];
    for (size_t i = 0; i < MILLION; i++) {
        snprintf(text, sizeof text, "%llde%d", (long long)v[i], exponent);
        CHECK(decimal_parse(slice_of(text), &in.value.number));
        aggregates_add(a, &group, &in, 0, slice_of(""));
    }
    CHECK_STR(results(a, &group, 1), want);
    aggregates_free(a);
}

static void a_million_shuffled_decimals_differ_in_no_digit(void) {
    int64_t sum, *v = million_numbers(&sum);
    char small[80], forty[80];
    int n = snprintf(
        small, sizeof small, "%lld.%06lld", (long long)(sum / 1000000), (long long)(sum % 1000000));
    while (small[n - 1] == '0') small[--n] = '\0';
    snprintf(forty, sizeof forty, "%lld%028d", (long long)sum, 0);
    CHECK(strlen(forty) > 40);
    for (int round = 0; round < 3; round++) {
        shuffle_numbers(v);
        check_million(v, -6, small);
        check_million(v, 28, forty);
    }
    free(v);
}

int main(void) {
    RUN(nothing_is_null_but_a_count_is_zero);
    RUN(sums_are_exact);
    RUN(pending_of_a_wide_sum_overflows_exactly);
    RUN(extremes_follow_the_total_order);
    RUN(durations_are_seconds_and_times_their_text);
    RUN(first_and_last_go_by_time_then_bytes);
    RUN(wrong_types_are_named);
    RUN(no_order_changes_a_digit);
    RUN(a_million_shuffled_decimals_differ_in_no_digit);
    return check_done();
}
