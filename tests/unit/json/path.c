#include "json/path.h"

#include "check.h"

/* Reads, writes, and says what the last name is. */
static void check_path(const char *text, const char *written, const char *name) {
    struct json_path path, again;
    struct err e = {0};
    struct buf out = {0};
    CHECK(json_path_parse(slice_of(text), &path, &e));
    json_path_write(&out, &path);
    CHECK(json_path_parse(buf_slice(&out), &again, &e) && json_path_eq(&path, &again));
    struct slice front = buf_slice(&out);
    json_path_free(&again);
    CHECK(json_path_parse_front(&front, front.p, &again, &e) && front.n == 0 &&
          json_path_eq(&path, &again));
    CHECK(name ? slice_is(json_path_name(&path), name) : !json_path_name(&path).p);
    buf_addc(&out, '\0');
    CHECK_STR(out.p, written);
    buf_free(&out);
    json_path_free(&path);
    json_path_free(&again);
}

static void test_reads_and_writes(void) {
    check_path("a", "a", "a");
    check_path("payment.status", "payment.status", "status");
    check_path("items[0].price", "items[0].price", "price");
    check_path("a[12][0]", "a[12][0]", NULL);
    check_path("`odd name`.x", "`odd name`.x", "x");
    check_path("`a``b`", "`a``b`", "a`b");
    check_path("``", "``", "");
    check_path("a.````[2]", "a.````[2]", NULL);
    check_path("`plain`", "plain", "plain");
    check_path("user-id", "`user-id`", "user-id");
    check_path("_a$1.@time", "_a$1.@time", "@time");
    check_path("\xC3\xA9t\xC3\xA9", "\xC3\xA9t\xC3\xA9", "\xC3\xA9t\xC3\xA9");
}

static void check_error(struct slice text, const char *says) {
    struct json_path path;
    struct err e = {0};
    CHECK(!json_path_parse(text, &path, &e));
    CHECK_STR(e.text, says);
    CHECK(e.code == EXIT_USAGE && path.n == 0 && !path.steps);
}

static void test_errors(void) {
    const char *no_name = "expected a name; one that is not plain stands in `backquotes`";
    char says[128];
    static const struct {
        const char *text;
        int column;
    } cases[] = {{".a", 1}, {"a..b", 3}, {"1a", 1}, {"-a", 1}, {"a.[0]", 3}, {"[0]", 1}, {" a", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(says, sizeof says, "column %d: %s", cases[i].column, no_name);
        check_error(slice_of(cases[i].text), says);
    }
    check_error(slice_of(""), "column 1: expected a name, found the end");
    check_error(slice_of("a."), "column 3: expected a name, found the end");
    check_error(slice_of("a b"), "column 2: expected '.', '[' or the end of the path");
    check_error(slice_of("a[0]b"), "column 5: expected '.', '[' or the end of the path");
    check_error(slice_of("a[x]"), "column 3: expected an index, a number from 0");
    check_error(slice_of("a[-1]"), "column 3: expected an index, a number from 0");
    check_error(slice_of("a[1"), "column 4: expected ']'");
    check_error(slice_of("a[99999999999]"), "column 3: the index is too large");
    check_error(slice_of("a.`b"), "column 3: a backquote without its end");
    check_error(slice_of("a.b\xC3"), "column 4: not UTF-8");
    check_error(slice_of("`a\x80`"), "column 3: not UTF-8");
}

static void test_front(void) {
    struct slice text = slice_of("a.b-c*2");
    struct json_path path;
    struct err e = {0};
    CHECK(json_path_parse_front(&text, text.p, &path, &e));
    CHECK(path.n == 2 && slice_is(path.steps[1].key, "b") && slice_is(text, "-c*2"));
    json_path_free(&path);
    text = slice_of("a[1] = 2");
    CHECK(json_path_parse_front(&text, text.p, &path, &e));
    CHECK(
        path.n == 2 && path.steps[1].index == 1 && !path.steps[1].key.p && slice_is(text, " = 2"));
    json_path_free(&path);
    text = slice_of("a. b");
    CHECK(!json_path_parse_front(&text, text.p, &path, &e) && slice_is(text, "a. b"));
}

int main(void) {
    RUN(test_reads_and_writes);
    RUN(test_errors);
    RUN(test_front);
    return check_done();
}
