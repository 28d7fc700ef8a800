/* Lines of known shape and the general path must agree, and so must the engines: on damaged
 * lines, too. */
#include "check.h"

#include <stdint.h>

#include "base/buf.h"
#include "json/scan.h"

static const char *const seeds[] = {
    "{\"event_id\":\"2fef107a27529ad0\",\"order_id\":\"O0778435\",\"city_id\":\"BLR\",\"event_"
    "type\":"
    "\"ORDER_DELIVERED\",\"event_ts\":\"2025-11-14T02:13:45.120Z\",\"order_value\":903.01,"
    "\"delivery_duration_sec\":960,\"payment\":{\"id\":\"P3728306\",\"status\":\"PAID\"}}",
    "{\"event_id\":null,\"order_id\":\"O\\u00e9\\n\",\"city_id\":\"\xE2\x82\xAC\",\"event_type\":"
    "true,"
    "\"event_ts\":-1.5e+3,\"order_value\":0,\"delivery_duration_sec\":1e400,\"payment\":{}}",
    "{ \"a\" : [ 1 , {\"b\":\"x\"} , [] ] , \"payment\" : [ {\"status\":false} ] }  ",
    "{\"a\":{\"b\":1,\"c\":[1,2,3,{\"d\":null}]},\"event_id\":\"\",\"payment\":{\"status\":"
    "\"PAID\"}}",
    "{\"city_id\":\"a\",\"c\\u0069ty_id\":\"b\",\"payment\":{\"status\":1},\"payment\":2}",
    "{\"long\":\"0123456789012345678901234567890123456789012345678901234567890123456789\",\"n\":"
    "12345678901234567890123456789012345678.1234567890123456789012345678901234567890,\"city_id\":"
    "\"\"}",
    "{}",
    "{\"city_id\":\"\xF0\x9F\x98\x80\xED\x9F\xBF\xC2\x80\",\"order_value\":-0.0}\r",
};
enum { N_SEEDS = sizeof seeds / sizeof *seeds };

static const char *const wanted[] = {
    "event_ts",
    "order_value",
    "city_id",
    "payment",
    "payment.status",
    "a",
    "a[1].b",
    "a[2]",
    "a.c[3]",
    "n",
};
enum { N_WANTED = sizeof wanted / sizeof *wanted };

static struct json_scanner *scanner(const char *engine) {
    setenv("EV_CPU", engine, 1);
    struct json_scanner *s = json_scanner_new(64);
    for (int i = 0; i < N_WANTED; i++) {
        struct json_path path;
        struct err e;
        if (!json_path_parse(slice_of(wanted[i]), &path, &e)) abort();
        if (json_want(s, &path) != i) abort();
        json_path_free(&path);
    }
    return s;
}

static uint64_t state;
static uint64_t random_below(uint64_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % n;
}

/* One to three bytes changed, removed or doubled. */
static size_t damage(char *line, size_t n) {
    static const char bytes[] =
        "\"\\{}[]:,0123456789-+.eEutfn \t\r\n\x01\x7F\x80\xC3\xE2\xED\xF0\xFF";
    for (uint64_t times = 1 + random_below(3); times > 0 && n > 1; times--) {
        size_t at = random_below(n);
        switch (random_below(4)) {
        case 0: memmove(line + at, line + at + 1, --n - at); break;
        case 1: memmove(line + at + 1, line + at, n++ - at); break;
        case 2: line[at] = (char)random_below(256); break;
        default: line[at] = bytes[random_below(sizeof bytes - 1)];
        }
    }
    return n;
}

static bool same(const struct json_field *a, const struct json_field *b) {
    for (int i = 0; i < N_WANTED; i++)
        if (a[i].p != b[i].p || a[i].n != b[i].n || a[i].kind != b[i].kind ||
            a[i].escaped != b[i].escaped)
            return false;
    return true;
}

/* How a reader of lines does it. */
static bool scan_either(struct json_scanner *s, const char *p, const char *end, struct slice text,
    struct json_field *out, bool *hit) {
    struct err e;
    size_t n = 0;
    const char *newline = json_scan_line(s, p, end, out, &n);
    *hit = newline != NULL;
    if (!newline) return json_scan(s, text, end, out, &e);
    CHECK(n == text.n && newline == memchr(p, '\n', (size_t)(end - p)));
    return true;
}

static struct slice first_line(const char *p, size_t n) {
    const char *newline = memchr(p, '\n', n);
    struct slice text = {p, (size_t)(newline - p)};
    if (text.n && text.p[text.n - 1] == '\r') text.n--;
    return text;
}

struct trio {
    struct json_scanner *plain, *warm, *warm_portable;
};

/* `after` bytes follow the line, so that blocks may or may not reach beyond it. Returns whether
 * a shape matched. */
static bool compare(struct trio *t, const char *line, size_t n, size_t after) {
    size_t total = n + 1 + after;
    char *p = mem_zero(total + JSON_SLACK, 1);
    memcpy(p, line, n);
    memset(p + n, '\n', after + 1);
    struct slice text = first_line(p, total);
    struct json_field expected[N_WANTED], got[N_WANTED];
    struct err e = {0};
    bool hit, hit_portable;
    bool accepted = json_scan(t->plain, text, p + total, expected, &e);
    CHECK(scan_either(t->warm, p, p + total, text, got, &hit) == accepted);
    CHECK(!accepted || same(expected, got));
    CHECK(scan_either(t->warm_portable, p, p + total, text, got, &hit_portable) == accepted);
    CHECK(!accepted || same(expected, got));
    CHECK(hit == hit_portable);
    if (!check_ok) fprintf(stderr, "line: %.*s\n", text.n > 300 ? 300 : (int)text.n, text.p);
    free(p);
    return hit;
}

static void run_damaged(uint64_t seed) {
    struct trio t = {scanner("portable"), scanner("avx2"), scanner("portable")};
    state = seed;
    int hits = 0, rounds = 30000;
    for (int i = 0; i < rounds && check_ok; i++) {
        const char *good = seeds[random_below(N_SEEDS)];
        char line[1024];
        size_t n = strlen(good), after = random_below(2) * random_below(200);
        /* Good lines in between, so that trying goes on. */
        compare(&t, good, n, after);
        memcpy(line, good, n);
        n = damage(line, n);
        hits += compare(&t, line, n, after);
    }
    CHECK(hits > rounds / 20 && hits < rounds);
    if (!check_ok) fprintf(stderr, "seed %llu, %d hits\n", (unsigned long long)seed, hits);
    json_scanner_free(t.plain);
    json_scanner_free(t.warm);
    json_scanner_free(t.warm_portable);
}

static void test_damaged_lines(void) {
    for (uint64_t seed = 1; seed <= 4; seed++) run_damaged(seed);
}

/* Every seed at every distance to the end of the readable bytes. */
static void test_ends(void) {
    struct trio t = {scanner("portable"), scanner("avx2"), scanner("portable")};
    for (int i = 0; i < N_SEEDS; i++) {
        bool hit = false;
        for (size_t after = 0; after < 100; after++)
            hit = compare(&t, seeds[i], strlen(seeds[i]), after);
        /* A line with a wanted key twice is never remembered. */
        CHECK(hit == (strstr(seeds[i], "\\u0069") == NULL));
    }
    json_scanner_free(t.plain);
    json_scanner_free(t.warm);
    json_scanner_free(t.warm_portable);
}

/* Shapes that never come back, then one that does: it is found soon enough. */
static void test_drift(void) {
    struct trio t = {scanner("portable"), scanner("avx2"), scanner("portable")};
    char line[128];
    int hits = 0;
    for (int i = 0; i < 20000; i++) {
        int n = snprintf(line, sizeof line, "{\"%d\":1,\"city_id\":{\"%d\":[%d]}}", i * 7, i, i);
        hits += compare(&t, line, (size_t)n, 0);
    }
    CHECK(hits == 0);
    for (int i = 0; i < 20000; i++) {
        int n = snprintf(line, sizeof line, "{\"a\":[%d],\"city_id\":\"%d\"}", i, i);
        hits += compare(&t, line, (size_t)n, 0);
    }
    CHECK(hits > 4000);
    json_scanner_free(t.plain);
    json_scanner_free(t.warm);
    json_scanner_free(t.warm_portable);
}

/* Values of every width, for long enough that guesses are given up and tried again. */
static void test_widths(void) {
    struct trio t = {scanner("portable"), scanner("avx2"), scanner("portable")};
    char value[601], line[1024];
    memset(value, '7', sizeof value);
    state = 5;
    for (int i = 0; i < 5000 && check_ok; i++) {
        int text = (int)random_below(600), digits = 1 + (int)random_below(40);
        int n = snprintf(line, sizeof line, "{\"city_id\":\"%.*s\",\"n\":%.*s,\"a\":%d}", text,
            value, digits, value, i);
        CHECK(compare(&t, line, (size_t)n, 0) == (i > 0));
    }
    json_scanner_free(t.plain);
    json_scanner_free(t.warm);
    json_scanner_free(t.warm_portable);
}

/* More than a shape may have: still the general path's answer, only never a match. */
static void test_too_large(void) {
    struct trio t = {scanner("portable"), scanner("avx2"), scanner("portable")};
    struct buf line = {0};
    buf_adds(&line, "{\"a\":[0");
    for (int i = 0; i < 1100; i++) buf_adds(&line, ",1");
    buf_adds(&line, "]}");
    for (int i = 0; i < 3; i++) CHECK(!compare(&t, line.p, line.n, 0));
    line.n = 0;
    buf_adds(&line, "{\"");
    for (int i = 0; i < 70000; i++) buf_addc(&line, 'k');
    buf_adds(&line, "\":1,\"a\":{}}");
    for (int i = 0; i < 3; i++) CHECK(!compare(&t, line.p, line.n, 0));
    buf_free(&line);
    json_scanner_free(t.plain);
    json_scanner_free(t.warm);
    json_scanner_free(t.warm_portable);
}

int main(void) {
    RUN(test_damaged_lines);
    RUN(test_ends);
    RUN(test_widths);
    RUN(test_drift);
    RUN(test_too_large);
    return check_done();
}
