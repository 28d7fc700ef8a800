#include "json/scan.h"

#include "check.h"

#include "base/buf.h"
#include "json/value.h"

static int want(struct json_scanner *s, const char *text) {
    struct json_path path;
    struct err e;
    if (!json_path_parse(slice_of(text), &path, &e)) abort();
    int i = json_want(s, &path);
    json_path_free(&path);
    return i;
}

/* In a block of exactly the text's size. */
static bool scan(
    struct json_scanner *s, struct slice text, char **copy, struct json_field *out, struct err *e) {
    *copy = mem_alloc(text.n);
    if (text.n) memcpy(*copy, text.p, text.n);
    return json_scan(s, (struct slice){*copy, text.n}, *copy + text.n, out, e);
}

static bool is_valid(struct slice text) {
    struct json_scanner *s = json_scanner_new(1024);
    struct err e = {0};
    char *copy;
    bool ok = scan(s, text, &copy, NULL, &e);
    free(copy);
    json_scanner_free(s);
    return ok;
}

#define TEXT(literal) ((struct slice){literal, sizeof literal - 1})

static void test_says_what_is_wrong(void) {
    const struct {
        struct slice text;
        const char *says;
    } cases[] = {
        {TEXT(""), "empty: expected a value"},
        {TEXT("  "), "ends where a value was expected"},
        {TEXT("{\"a\"}"), "byte 5: expected ':' after a key, found '}'"},
        {TEXT("{\"a\""), "ends where ':' after a key was expected"},
        {TEXT("{\"a\":1,}"), "byte 8: expected a key, found '}'"},
        {TEXT("{\"a\":1 \"b\":2}"), "byte 8: expected ',' or '}', found '\"'"},
        {TEXT("[1 2]"), "byte 4: expected ',' or ']', found '2'"},
        {TEXT("[1,]"), "byte 4: expected a value, found ']'"},
        {TEXT("[1}"), "byte 3: expected ',' or ']', found '}'"},
        {TEXT("{} {}"), "byte 4: expected nothing behind the value, found '{'"},
        {TEXT("{\"a\":tru}"), "byte 6: expected a value, found 't'"},
        {TEXT("{\"a\":\x01}"), "byte 6: expected a value, found byte 0x01"},
        {TEXT("[-]"), "byte 3: expected a digit, found ']'"},
        {TEXT("[1.]"), "byte 4: expected a digit, found ']'"},
        {TEXT("[1e+"), "ends where a digit was expected"},
        {TEXT("[01]"), "byte 3: expected ',' or ']', found '1'"},
        {TEXT("\"abc"), "ends inside a string"},
        {TEXT("\"abc\\"), "ends inside a string"},
        {TEXT("{\"abc\n\":1}"), "byte 6: control character 0x0a in a string"},
        {TEXT("\"a\\x\""), "byte 3: bad escape in a string"},
        {TEXT("\"a\\u12g4\""), "byte 3: bad escape in a string"},
        {TEXT("\"a\xC3\""), "byte 3: not UTF-8"},
        {TEXT("\"a\xED\xA0\x80\""), "byte 3: not UTF-8"},
        {TEXT("\xEF\xBB\xBF{}"), "byte 1: expected a value, found byte 0xef"},
    };
    struct json_scanner *s = json_scanner_new(1024);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        char *copy;
        CHECK(!scan(s, cases[i].text, &copy, NULL, &e));
        CHECK_STR(e.text, cases[i].says);
        CHECK(e.code == EXIT_BAD_DATA);
        free(copy);
    }
    json_scanner_free(s);
}

/* What follows the text does not count, though it is readable. */
static void test_ends_with_the_text(void) {
    static const char text[] =
        "12345.5e7\"true}                                                        ";
    struct json_scanner *s = json_scanner_new(1024);
    struct err e;
    const char *limit = text + sizeof text - 1;
    CHECK(json_scan(s, (struct slice){text, 5}, limit, NULL, &e));
    CHECK(!json_scan(s, (struct slice){text, 6}, limit, NULL, &e));
    CHECK(json_scan(s, (struct slice){text, 7}, limit, NULL, &e));
    CHECK(!json_scan(s, (struct slice){text, 8}, limit, NULL, &e));
    CHECK(json_scan(s, (struct slice){text, 9}, limit, NULL, &e));
    CHECK(!json_scan(s, (struct slice){text + 10, 3}, limit, NULL, &e));
    static const char string[] =
        "{\"a\":\"b\"}                                                        ";
    CHECK(json_scan(s, (struct slice){string, 9}, string + sizeof string - 1, NULL, &e));
    CHECK(!json_scan(s, (struct slice){string, 7}, string + sizeof string - 1, NULL, &e));
    CHECK_STR(e.text, "ends inside a string");
    json_scanner_free(s);
}

static void test_depth(void) {
    struct json_scanner *s = json_scanner_new(1024);
    int deep = want(s, "a[0].b");
    struct buf text = {0};
    struct json_field out[1];
    struct err e = {0};
    for (int depth = 1024; depth <= 1025; depth++) {
        text.n = 0;
        for (int i = 0; i < depth; i++)
            buf_adds(&text, i == 0 ? "{\"a\":" : i % 2 ? "[" : "{\"b\":");
        buf_adds(&text, "1");
        for (int i = depth - 1; i >= 0; i--) buf_adds(&text, i % 2 ? "]" : "}");
        bool ok = json_scan(s, buf_slice(&text), text.p + text.n, out, &e);
        CHECK(ok == (depth == 1024));
        CHECK(!ok || (out[deep].kind == JSON_ARRAY && out[deep].n == text.n - 6 - 5 - 3));
    }
    CHECK_STR(e.text, "more than 1024 levels deep (--max-depth)");
    buf_free(&text);
    json_scanner_free(s);
}

static bool field_is(const struct json_field *f, enum json_kind kind, const char *text) {
    return f->kind == kind && slice_is(json_slice(f), text);
}

static void test_finds_fields(void) {
    struct json_scanner *s = json_scanner_new(1024);
    int id = want(s, "id"), status = want(s, "payment.status"), payment = want(s, "payment");
    int price = want(s, "items[1].price"), items = want(s, "items"), none = want(s, "payment.id.x");
    int empty = want(s, "``"), odd = want(s, "`odd \"name\"`");
    CHECK(want(s, "payment.status") == status && json_wanted(s) == 8);
    struct json_field out[8];
    struct err e;
    const char *text =
        " { \"id\" : \"a\\tb\" , \"payment\":{\"id\":7,\"status\":null},\"items\":[{\"price\":1},"
        "{\"x\":[{\"price\":3}],\"price\":2.50}, 5 ],\"\":true,\"odd \\\"n\\u0061me\\\"\":\"\"} ";
    CHECK(json_scan(s, slice_of(text), text + strlen(text), out, &e));
    CHECK(field_is(&out[id], JSON_STRING, "a\\tb") && out[id].escaped);
    CHECK(field_is(&out[payment], JSON_OBJECT, "{\"id\":7,\"status\":null}"));
    CHECK(field_is(&out[status], JSON_NULL, "null"));
    CHECK(field_is(&out[price], JSON_NUMBER, "2.50"));
    CHECK(field_is(
        &out[items], JSON_ARRAY, "[{\"price\":1},{\"x\":[{\"price\":3}],\"price\":2.50}, 5 ]"));
    CHECK(out[none].kind == JSON_MISSING && !out[none].p && out[none].n == 0);
    CHECK(field_is(&out[empty], JSON_TRUE, "true"));
    CHECK(field_is(&out[odd], JSON_STRING, "") && !out[odd].escaped);
    text = "[]";
    CHECK(json_scan(s, slice_of(text), text + 2, out, &e));
    for (int i = 0; i < 8; i++) CHECK(out[i].kind == JSON_MISSING);
    json_scanner_free(s);
}

/* The last one counts, as a whole. */
static void test_duplicates(void) {
    struct json_scanner *s = json_scanner_new(1024);
    int a = want(s, "a"), ab = want(s, "a.b"), ac = want(s, "a.c[0]");
    struct json_field out[3];
    struct err e;
    const char *text =
        "{\"a\":{\"b\":1,\"c\":[1]},\"\\u0061\":{\"c\":[2],\"b\":3,\"c\":[4],\"b\":5}}";
    CHECK(json_scan(s, slice_of(text), text + strlen(text), out, &e));
    CHECK(field_is(&out[ab], JSON_NUMBER, "5") && field_is(&out[ac], JSON_NUMBER, "4"));
    text = "{\"a\":{\"b\":1,\"c\":[1]},\"a\":2}";
    CHECK(json_scan(s, slice_of(text), text + strlen(text), out, &e));
    CHECK(field_is(&out[a], JSON_NUMBER, "2"));
    CHECK(out[ab].kind == JSON_MISSING && out[ac].kind == JSON_MISSING);
    text = "{\"a\":{\"b\":1,\"c\":[1]},\"a\":{\"c\":[]}}";
    CHECK(json_scan(s, slice_of(text), text + strlen(text), out, &e));
    CHECK(out[ab].kind == JSON_MISSING && out[ac].kind == JSON_MISSING);
    json_scanner_free(s);
}

/* Where jansson differs, so that fuzzing against it leaves these aside. */
static void test_differs_from_jansson(void) {
    CHECK(is_valid(TEXT("1e400")));
    CHECK(is_valid(TEXT("[5113603275374105668123,-0.0e-9999]")));
    CHECK(is_valid(TEXT("\"\\ud800\"")));
    CHECK(is_valid(TEXT("{\"\\udc00\\ud800\":0}")));
    CHECK(is_valid(TEXT("{\"\\u0000\":1}")));
    CHECK(!is_valid(TEXT("123\0")));
    CHECK(!is_valid(TEXT("[true\0]")));
}

static void test_engines(void) {
    setenv("EV_CPU", "portable", 1);
    CHECK_STR(json_scan_engine(), "portable");
    unsetenv("EV_CPU");
    const char *engine = json_scan_engine();
    CHECK(strcmp(engine, "avx2") == 0 || strcmp(engine, "portable") == 0);
}

static void check_walk(const char *text, const char *expected) {
    struct json_scanner *s = json_scanner_new(1024);
    struct json_path root = {0};
    json_want(s, &root);
    struct json_field of, key, value;
    struct err e;
    struct json_walk at = {0};
    struct buf got = {0};
    CHECK(json_scan(s, slice_of(text), text + strlen(text), &of, &e));
    while (json_next(&of, &at, &key, &value)) {
        buf_add_slice(&got, json_slice(&key));
        buf_addc(&got, '=');
        buf_add_slice(&got, json_slice(&value));
        buf_printf(&got, "/%s%s;", json_kind_name(value.kind), value.escaped ? " escaped" : "");
    }
    buf_addc(&got, '\0');
    CHECK_STR(got.p, expected);
    buf_free(&got);
    json_scanner_free(s);
}

static void test_walking(void) {
    check_walk("{}", "");
    check_walk(" [ ] ", "");
    check_walk("{ \"a\" : 1 ,\"b\\\"}\":{\"]\":\"}\"} , \"\":\"x\\n\" }",
        "a=1/number;b\\\"}={\"]\":\"}\"}/object;=x\\n/string escaped;");
    check_walk("[1, \"\\\\\",[[],{}] ,null,false]",
        "=1/number;=\\\\/string escaped;=[[],{}]/array;=null/null;=false/true or false;");
}

int main(void) {
    RUN(test_says_what_is_wrong);
    RUN(test_ends_with_the_text);
    RUN(test_depth);
    RUN(test_finds_fields);
    RUN(test_duplicates);
    RUN(test_differs_from_jansson);
    RUN(test_engines);
    RUN(test_walking);
    return check_done();
}
