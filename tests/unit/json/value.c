#include "json/value.h"

#include "check.h"

static bool unescapes_to(const char *string, struct slice expected) {
    struct buf out = {0};
    buf_adds(&out, "x");
    bool ok = json_unescape(slice_of(string), &out) && out.n == expected.n + 1 &&
              memcmp(out.p + 1, expected.p, expected.n) == 0;
    buf_free(&out);
    return ok;
}

#define TEXT(literal) ((struct slice){literal, sizeof literal - 1})

static void test_unescape(void) {
    CHECK(unescapes_to("", TEXT("")));
    CHECK(unescapes_to("plain", TEXT("plain")));
    CHECK(unescapes_to("\\\"\\\\\\/\\b\\f\\n\\r\\t", TEXT("\"\\/\b\f\n\r\t")));
    CHECK(unescapes_to("a\\u0000b", TEXT("a\0b")));
    CHECK(unescapes_to("\\u007f\\u0080\\u07FF\\u0800\\uffff",
        TEXT("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF")));
    CHECK(unescapes_to("\\ud83d\\uDE00!\\uD800\\uDC00\\udbff\\udfff",
        TEXT("\xF0\x9F\x98\x80!\xF0\x90\x80\x80\xF4\x8F\xBF\xBF")));
}

static void test_lone_surrogates(void) {
    static const char *const texts[] = {
        "\\ud800",
        "a\\ud800b",
        "\\udc00",
        "\\udc00\\ud800",
        "\\ud800\\ud800",
        "\\ud800\\n",
        "\\ud800\\u0041",
        "\\ud800\\u00",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        /* The last one is cut where the string would have ended. */
        size_t n = strlen(texts[i]) - (i == 7 ? 4 : 0);
        struct buf out = {0};
        buf_adds(&out, "as it was");
        CHECK(!json_unescape((struct slice){texts[i], n}, &out));
        CHECK(slice_is(buf_slice(&out), "as it was"));
        buf_free(&out);
    }
}

static void test_text(void) {
    struct buf scratch = {0};
    struct slice out;
    struct json_field plain = {"abc", 3, JSON_STRING, false},
                      escaped = {"a\\n", 3, JSON_STRING, true};
    struct json_field lone = {"\\ud800", 6, JSON_STRING, true};
    CHECK(json_text(&plain, &scratch, &out) && out.p == plain.p && out.n == 3);
    CHECK(json_text(&escaped, &scratch, &out) && slice_is(out, "a\n"));
    CHECK(json_text(&escaped, &scratch, &out) && slice_is(out, "a\n"));
    CHECK(!json_text(&lone, &scratch, &out));
    buf_free(&scratch);
}

static void test_write(void) {
    struct buf out = {0};
    json_write_string(&out, TEXT("a\"b\\c/\b\f\n\r\t\0\x1F\x7F\xC3\xA9"));
    CHECK(slice_eq(
        buf_slice(&out), TEXT("\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\x7F\xC3\xA9\"")));
    out.n = 0;
    json_write_string(&out, TEXT(""));
    CHECK(slice_is(buf_slice(&out), "\"\""));
    buf_free(&out);
}

static void test_utf8(void) {
    const struct {
        struct slice text;
        long bad; /* -1: none */
    } cases[] = {
        {TEXT(""), -1},
        {TEXT("a\0\x7F"), -1},
        {TEXT("\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF"
              "\xBF"),
            -1},
        {TEXT("a\x80"), 1},
        {TEXT("\xC0\x80"), 0},
        {TEXT("\xC1\xBF"), 0},
        {TEXT("ab\xC3"), 2},
        {TEXT("\xC3("), 0},
        {TEXT("\xE0\x9F\xBF"), 0},
        {TEXT("\xE2\x82"), 0},
        {TEXT("\xE2\x82("), 0},
        {TEXT("\xED\xA0\x80"), 0},
        {TEXT("\xF0\x8F\xBF\xBF"), 0},
        {TEXT("\xF0\x9F\x98"), 0},
        {TEXT("\xF4\x90\x80\x80"), 0},
        {TEXT("\xF5\x80\x80\x80"), 0},
        {TEXT("\xFF"), 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t at = 99;
        CHECK(utf8_valid(cases[i].text, &at) == (cases[i].bad < 0));
        CHECK(cases[i].bad < 0 || at == (size_t)cases[i].bad);
        CHECK(utf8_valid(cases[i].text, NULL) == (cases[i].bad < 0));
    }
}

int main(void) {
    RUN(test_unescape);
    RUN(test_lone_surrogates);
    RUN(test_text);
    RUN(test_write);
    RUN(test_utf8);
    return check_done();
}
