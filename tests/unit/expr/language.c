/* The language by tables: an expression, an event, and the result as JSON ("!..." for an event that
 * is bad input, "?..." for an expression that is wrong). A "~" in front of a result says that it is
 * a mismatch. */
#include "harness.h"

struct row {
    const char *expr, *event, *want;
};

static void check_rows(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *want = rows[i].want;
        bool mismatch = *want == '~';
        struct outcome o = evaluate(rows[i].expr, rows[i].event ? rows[i].event : "{}");
        if (strcmp(o.text, want + mismatch) != 0 || o.mismatch != mismatch)
            fprintf(stderr, "%s%s of %s\n", rows[i].expr, o.mismatch ? " (mismatch)" : "",
                rows[i].event ? rows[i].event : "{}");
        CHECK(o.mismatch == mismatch);
        CHECK_STR(o.text, want + mismatch);
    }
}

#define ROWS(...)                                                                                  \
    do {                                                                                           \
        static const struct row rows[] = {__VA_ARGS__};                                            \
        check_rows(rows, sizeof rows / sizeof *rows);                                              \
    } while (0)

/* a and b over true, false and null, by SQL's tables; as literals and as fields. */
static void three_valued_logic(void) {
    static const char *const v[] = {"true", "false", "null"};
    static const char *const and_table[3][3] = {
        {"true", "false", "null"}, {"false", "false", "false"}, {"null", "false", "null"}};
    static const char *const or_table[3][3] = {
        {"true", "true", "true"}, {"true", "false", "null"}, {"true", "null", "null"}};
    static const char *const not_table[3] = {"false", "true", "null"};
    char text[64], event[64];
    for (int a = 0; a < 3; a++) {
        snprintf(text, sizeof text, "not %s", v[a]);
        CHECK_STR(evaluate(text, "{}").text, not_table[a]);
        for (int b = 0; b < 3; b++) {
            snprintf(event, sizeof event, "{\"a\":%s,\"b\":%s}", v[a], v[b]);
            CHECK_STR(evaluate("a and b", event).text, and_table[a][b]);
            CHECK_STR(evaluate("a or b", event).text, or_table[a][b]);
            CHECK_STR(evaluate("not (not a or not b)", event).text, and_table[a][b]);
            snprintf(text, sizeof text, "%s AND %s", v[a], v[b]);
            CHECK_STR(evaluate(text, "{}").text, and_table[a][b]);
            snprintf(text, sizeof text, "%s Or %s", v[a], v[b]);
            CHECK_STR(evaluate(text, "{}").text, or_table[a][b]);
        }
    }
}

static void null_spreads(void) {
    ROWS({"null = null", NULL, "null"}, {"a = 1", NULL, "null"},
        {"a <> 'x'", "{\"a\":null}", "null"}, {"1 + a", NULL, "null"}, {"a + 1h", NULL, "null"},
        {"-a", NULL, "null"}, {"a || 'x'", NULL, "null"}, {"a like '%'", NULL, "null"},
        {"'x' like a", NULL, "null"}, {"a between 1 and 2", NULL, "null"},
        {"5 between a and 2", NULL, "false"}, {"1 between a and 2", NULL, "null"},
        {"1 not between 2 and a", NULL, "true"}, {"upper(a)", NULL, "null"},
        {"substr('abc', a)", NULL, "null"}, {"round(a, 'x')", NULL, "null"},
        {"a is null", NULL, "true"}, {"a is not null", NULL, "false"},
        {"1 = a is null", NULL, "true"}, {"a in (1)", NULL, "null"}, {"1 in (a, 1)", NULL, "true"},
        {"1 in (a, 2)", NULL, "null"}, {"1 not in (a, 2)", NULL, "null"},
        {"1 not in (2, 3)", NULL, "true"}, {"1 not in (1, a)", NULL, "false"},
        {"coalesce(a, b)", NULL, "null"}, {"coalesce(a, b, 3)", NULL, "3"},
        {"coalesce(a, 1/0, 4)", NULL, "4"}, {"if(a, 1, 2)", NULL, "2"},
        {"case a when null then 1 else 2 end", NULL, "2"});
}

static void numbers_are_exact(void) {
    ROWS({"0.1 + 0.2", NULL, "0.3"}, {"a + b", "{\"a\":0.1,\"b\":0.2}", "0.3"},
        {"1 = 1.0", NULL, "true"}, {"a = 1e2", "{\"a\":100.00}", "true"},
        {"a", "{\"a\":1.10}", "1.1"}, {"a", "{\"a\":-0.0}", "0"}, {"2 * 3 + 4", NULL, "10"},
        {"2 + 3 * 4", NULL, "14"}, {"(2 + 3) * 4", NULL, "20"}, {"7 - 2 - 1", NULL, "4"},
        {"a-b", "{\"a\":3,\"b\":1,\"a-b\":9}", "2"}, {"`a-b`", "{\"a-b\":9}", "9"},
        {"--3", NULL, "3"}, {"2 - -3", NULL, "5"}, {"-a * 2", "{\"a\":3}", "-6"},
        {"7 % 3", NULL, "1"}, {"-7 % 3", NULL, "-1"}, {"5.5 % 2", NULL, "1.5"},
        {"1/3", NULL, "0.33333333333333333"}, {"1/0", NULL, "null"}, {"1%0", NULL, "null"},
        {"a/0", "{\"a\":\"x\"}", "~null"},
        {"a * a", "{\"a\":1e20}", "!the result of * is 10^38 or more"},
        {"9e37 + 9e37", NULL, "!the result of + is 10^38 or more"},
        {"a", "{\"a\":1e38}", "!a: a number of 10^38 or more: \"1e38\""},
        {"a > 1", "{\"a\":1e40}", "!a: a number of 10^38 or more: \"1e40\""},
        {"a is null", "{\"a\":1e-400}", "false"},
        {"5113603275374105668 + 1", NULL, "5113603275374105669"});
}

static void comparisons(void) {
    ROWS({"1 < 2", NULL, "true"}, {"2 <= 2", NULL, "true"}, {"2 != 2", NULL, "false"},
        {"2 <> 3", NULL, "true"}, {"1 == 1", NULL, "true"}, {"'a' < 'b'", NULL, "true"},
        {"'a' < 'ab'", NULL, "true"}, {"'Z' < 'a'", NULL, "true"}, {"false < true", NULL, "true"},
        {"true = true", NULL, "true"}, {"a = 'x'", "{\"a\":\"x\"}", "true"},
        {"'x' = a", "{\"a\":\"\\u0078\"}", "true"}, {"a <> 'x'", "{\"a\":\"\\u0078\"}", "false"},
        {"a <> 'x'", "{\"a\":\"y\"}", "true"}, {"a >= 'x'", "{\"a\":\"y\"}", "true"},
        {"5 > a", "{\"a\":4.99}", "true"}, {"5 <= a", "{\"a\":4.99}", "false"},
        {"a = 'x'", "{\"a\":1}", "~null"}, {"a <> 'x'", "{\"a\":1}", "~null"},
        {"a = 1", "{\"a\":\"1\"}", "~null"}, {"a = 1", "{\"a\":[1]}", "~null"},
        {"a = a", "{\"a\":{}}", "~null"}, {"a = ''", "{\"a\":\"\"}", "true"},
        {"a = 'x'", "{\"a\":\"\\ud800\"}",
            "!a: half of a surrogate pair is no text: \"\\\\ud800\""},
        {"1 and true", NULL, "~null"}, {"not 'x'", NULL, "~null"}, {"false and 1", NULL, "false"},
        {"1 or true", NULL, "~true"}, {"a in ('x', 'y')", "{\"a\":\"y\"}", "true"},
        {"a not in ('x', 'y')", "{\"a\":\"z\"}", "true"},
        {"a in ('x', 'y')", "{\"a\":\"\\u0079\"}", "true"}, {"a not in ('x', 'y')", NULL, "null"},
        {"a in ('x', 'y')", "{\"a\":1}", "~null"}, {"a in ('x', 1)", "{\"a\":1}", "~true"},
        {"a in (b, 'x')", "{\"a\":\"x\",\"b\":2}", "~true"},
        {"a in ('x') in (true)", "{\"a\":\"x\"}",
            "?column 12: expected an operator or the end, found 'in'"},
        {"(a in ('x')) = true", "{\"a\":\"x\"}", "true"},
        {"3 between 1 and 3 and 2 = 2", NULL, "true"},
        {"a between 'a' and 'm'", "{\"a\":\"k\"}", "true"}, {"not 1 = 2", NULL, "true"},
        {"true or true and false", NULL, "true"});
}

static void texts(void) {
    ROWS({"'a' || 1.50 || true", NULL, "\"a1.5true\""}, {"1 + 2 || 'x'", NULL, "\"3x\""},
        {"a || a", "{\"a\":\"\\u00e9\"}", "\"éé\""}, {"a || '!'", "{\"a\":{}}", "~null"},
        {"@2025-11-14 || ''", NULL, "\"2025-11-14T00:00:00Z\""}, {"90s || ''", NULL, "\"90\""},
        {"'it''s'", NULL, "\"it's\""}, {"\"it's\"", NULL, "\"it's\""},
        {"'say \"x\"'", NULL, "\"say \\\"x\\\"\""},
        {"'\\u00e9\\ud83d\\ude00\\n\\/\\\\'", NULL, "\"é😀\\n/\\\\\""}, {"'\\''", NULL, "\"'\""},
        {"'50\\%'", NULL, "\"50\\\\%\""}, {"'50%' like '50\\%'", NULL, "true"},
        {"'50x' like '50\\%'", NULL, "false"}, {"'50x' like '50_'", NULL, "true"},
        {"'é' like '_'", NULL, "true"}, {"'é' like '__'", NULL, "false"},
        {"'abcabc' like '%bc'", NULL, "true"}, {"'abcabd' like 'a%c%d'", NULL, "true"},
        {"'' like '%'", NULL, "true"}, {"'' like '_'", NULL, "false"},
        {"'a' like ''", NULL, "false"}, {"'a\\\\' like 'a\\\\'", NULL, "true"},
        {"'abc' not like '%b%'", NULL, "false"}, {"1 like '1'", NULL, "~null"},
        {"'aab' like '%ab'", NULL, "true"}, {"'éx' like '%_x'", NULL, "true"},
        {"lower('AÉz')", NULL, "\"aÉz\""}, {"upper('aéZ[')", NULL, "\"AéZ[\""},
        {"length('aé😀')", NULL, "3"}, {"length('')", NULL, "0"}, {"length(5)", NULL, "~null"},
        {"substr('hello', 2)", NULL, "\"ello\""}, {"substr('hello', 2, 3)", NULL, "\"ell\""},
        {"substr('héé', 2, 1)", NULL, "\"é\""}, {"substr('abc', 0, 2)", NULL, "\"a\""},
        {"substr('abc', -2)", NULL, "\"bc\""}, {"substr('abc', -5, 4)", NULL, "\"ab\""},
        {"substr('abc', 9)", NULL, "\"\""}, {"substr('abc', 2, -1)", NULL, "\"\""},
        {"substr('abc', 1.5)", NULL, "~null"}, {"substr('abc', 1e30)", NULL, "\"\""},
        {"substr('abc', -1e30, 1e30)", NULL, "\"abc\""}, {"contains('abc', '')", NULL, "true"},
        {"contains('abc', 'bc')", NULL, "true"}, {"contains('', 'a')", NULL, "false"},
        {"starts_with('abc', 'abcd')", NULL, "false"}, {"starts_with('abc', '')", NULL, "true"},
        {"starts_with(1, '')", NULL, "~null"}, {"matches('abc', 'b')", NULL, "true"},
        {"matches('abc', '^b')", NULL, "false"},
        {"matches(a, '^[0-9]+\\.[0-9]$')", "{\"a\":\"12.5\"}", "true"},
        {"matches(a, 'y$')", "{\"a\":\"x\\u0000y\"}", "true"},
        {"matches(a, 'b')", "{\"a\":1}", "~null"}, {"MATCHES('', '^$')", NULL, "true"});
}

static void times_and_durations(void) {
    ROWS({"@2025-11-14T02:00:00Z", NULL, "\"2025-11-14T02:00:00Z\""},
        {"@2025-11-14T02:00:00.5+05:30", NULL, "\"2025-11-13T20:30:00.500000Z\""},
        {"@2025-11-14-1h", NULL, "\"2025-11-13T23:00:00Z\""},
        {"@2025-11-14T02:00:00-1h", NULL, "\"2025-11-14T01:00:00Z\""},
        {"@2025-11-14T02:00:00-01:00", NULL, "\"2025-11-14T03:00:00Z\""},
        {"@1763085600 = @2025-11-14T02:00:00Z", NULL, "true"},
        {"@1763085600.5 - @1763085600", NULL, "0.5"}, {"@time", NULL, "null"},
        {"@2025-11-14 - @2025-11-13 = 1d", NULL, "true"},
        {"a - b", "{\"a\":\"2025-11-14T02:00:00Z\",\"b\":\"2025-11-14 01:00:00\"}", "3600"},
        {"a - b", "{\"a\":\"2025-11-14T02:00:00Z\",\"b\":\"yesterday\"}", "~null"},
        {"a - 1", "{\"a\":\"2025-11-14T02:00:00Z\"}", "~null"},
        {"a + 1m", "{\"a\":\"2025-11-14T02:00:00Z\"}", "\"2025-11-14T02:01:00Z\""},
        {"1m + a", "{\"a\":\"2025-11-14\"}", "\"2025-11-14T00:01:00Z\""},
        {"1m - a", "{\"a\":\"2025-11-14\"}", "~null"},
        {"a > @2025-11-14", "{\"a\":\"2025-11-14T00:00:00.000001Z\"}", "true"},
        {"@2025-11-14 >= a", "{\"a\":\"2025-11-14\"}", "true"},
        {"a > @2025-11-14", "{\"a\":\"x\"}", "~null"}, {"a > @2025-11-14", "{\"a\":5}", "~null"},
        {"a between @2025-11-14 and @2025-11-15", "{\"a\":\"2025-11-14T12:00:00Z\"}", "true"},
        {"1h + 30m = 1h30m", NULL, "true"}, {"1h - 90m", NULL, "-1800"},
        {"2 * 15m = 30m", NULL, "true"}, {"1h / 4", NULL, "900"}, {"1h / 0", NULL, "null"},
        {"1h / 15m", NULL, "4"}, {"1h / 0s", NULL, "null"}, {"1h / 7 * 7", NULL, "3599.999998"},
        {"-(30s)", NULL, "-30"}, {"1h * 1h", NULL, "~null"}, {"1h > 30", NULL, "~null"},
        {"7d = 168h", NULL, "true"}, {"1s + @9999-12-30", NULL, "\"9999-12-30T00:00:01Z\""},
        {"@9999-12-30 + 7d", NULL, "!a time is out of range"},
        {"7d * 1e18", NULL, "!a duration is out of range"},
        {"@2025-11-14 + @2025-11-14", NULL, "~null"}, {"@2025-11-14 * 2", NULL, "~null"},
        {"hour('2025-11-14T23:59:59Z')", NULL, "23"}, {"hour(@1969-12-31T23:00:00Z)", NULL, "23"},
        {"hour('x')", NULL, "~null"}, {"hour(5)", NULL, "~null"},
        {"date_trunc('second', @2025-11-14T02:03:04.5Z)", NULL, "\"2025-11-14T02:03:04Z\""},
        {"date_trunc('minute', @2025-11-14T02:03:04.5Z)", NULL, "\"2025-11-14T02:03:00Z\""},
        {"date_trunc('day', @1969-12-31T02:03:04Z)", NULL, "\"1969-12-31T00:00:00Z\""},
        {"date_trunc('week', @2025-11-16)", NULL, "\"2025-11-10T00:00:00Z\""},
        {"date_trunc('month', @2024-02-29)", NULL, "\"2024-02-01T00:00:00Z\""},
        {"date_trunc('quarter', @2025-11-14)", NULL, "\"2025-10-01T00:00:00Z\""},
        {"date_trunc('year', @1969-07-20)", NULL, "\"1969-01-01T00:00:00Z\""},
        {"date_trunc('day', 'x')", NULL, "~null"},
        {"date_trunc('year', @0001-01-02)", NULL, "!a time is out of range"},
        {"time('2025-11-14')", NULL, "\"2025-11-14T00:00:00Z\""},
        {"time(1763085600)", NULL, "\"2025-11-14T02:00:00Z\""},
        {"time(1763085600123)", NULL, "\"2025-11-14T02:00:00.123000Z\""},
        {"time(5)", NULL, "~null"}, {"time(true)", NULL, "~null"},
        {"str(@2025-11-14)", NULL, "\"2025-11-14T00:00:00Z\""}, {"num(1h30m)", NULL, "5400"},
        {"num('12.50')", NULL, "12.5"}, {"num('1,5')", NULL, "~null"}, {"num('')", NULL, "~null"},
        {"num(true) + num(false)", NULL, "1"},
        {"num('1e40')", NULL, "!a number of 10^38 or more: \"1e40\""},
        {"num(a)", "{\"a\":[]}", "~null"}, {"str(a)", "{\"a\":[]}", "~null"});
}

static void rounding(void) {
    ROWS({"round(0.5)", NULL, "0"}, {"round(1.5)", NULL, "2"}, {"round(-2.5)", NULL, "-2"},
        {"round(1.005, 2)", NULL, "1"}, {"round(1.015, 2)", NULL, "1.02"},
        {"round(1250, -2)", NULL, "1200"}, {"round(1, 1e9)", NULL, "1"},
        {"round(1, -1e9)", NULL, "0"}, {"round(1, 0.5)", NULL, "~null"},
        {"round('x')", NULL, "~null"}, {"floor(-1.5)", NULL, "-2"}, {"ceil(-1.5)", NULL, "-1"},
        {"floor(1500ms)", NULL, "1"}, {"ceil(1500ms)", NULL, "2"}, {"round(2500ms)", NULL, "2"},
        {"abs(-3)", NULL, "3"}, {"abs(1m - 2m)", NULL, "60"}, {"abs('x')", NULL, "~null"});
}

static void cases(void) {
    ROWS({"case when a > 1 then 'x' when a = 1 then 'y' else 'z' end", "{\"a\":1}", "\"y\""},
        {"case when false then 1 end", NULL, "null"},
        {"case when null then 1 else 2 end + 3", NULL, "5"},
        {"case when a then 1 else 2 end + 3", "{\"a\":true}", "4"},
        {"case a when 1 then 'one' when 2 then 'two' end", "{\"a\":2.0}", "\"two\""},
        {"case a when 'x' then 1 else 0 end", "{\"a\":2}", "~0"},
        {"Case WHEN true THEN case when false then 1 else 2 end END", NULL, "2"},
        {"coalesce(a, 2) + 3", NULL, "5"}, {"coalesce(a, 2) + 3", "{\"a\":1}", "4"},
        {"if(true, 1, 2) + if(false, 3, 4)", NULL, "5"}, {"if(1, 2, 3)", NULL, "~3"},
        {"a <> 0 and 1e30 / a * 1e30 > 2", "{\"a\":0}", "false"},
        {"coalesce(a)", "{\"a\":[1, 2]}", "[1, 2]"}, {"a", "{\"a\":{ }}", "{ }"},
        {"a is null", "{\"a\":[]}", "false"});
}

static void paths(void) {
    ROWS({"a.b.c", "{\"a\":{\"b\":{\"c\":1}}}", "1"}, {"a[1].b", "{\"a\":[0,{\"b\":2}]}", "2"},
        {"`odd name`", "{\"odd name\":3}", "3"}, {"`a``b`.c", "{\"a`b\":{\"c\":4}}", "4"},
        {"time", "{\"time\":5}", "5"}, {"hour + if", "{\"hour\":1,\"if\":2}", "3"},
        {"end.x", "{\"end\":{\"x\":1}}", "1"}, {"a.end", "{\"a\":{\"end\":1}}", "1"},
        {"`end`", "{\"end\":1}", "1"},
        {"a . b", "{}", "?column 3: expected an operator or the end, found '.'"},
        {"größe", "{\"größe\":1}", "1"}, {"$a", "{\"$a\":1}", "1"},
        {"null.x", "{\"null\":{\"x\":1}}", "1"}, {"a + a", "{\"a\":1,\"a\":2}", "4"});
}

static void mistakes(void) {
    ROWS({"", NULL, "?column 1: expected a value, found the end"},
        {"a and", NULL, "?column 6: expected a value, found the end"},
        {"a = and", NULL, "?column 5: expected a value, found 'and'"},
        {"a = 1 b", NULL, "?column 7: expected an operator or the end, found 'b'"},
        {"(a", NULL, "?column 3: expected an operator or ')', found the end"},
        {"a)", NULL, "?column 2: expected an operator or the end, found ')'"},
        {"a < b < c", NULL, "?column 7: comparisons do not chain: write a < b and b < c"},
        {"'é' = 'x", NULL, "?column 7: a string without its closing '"},
        {"a = \"x", NULL, "?column 5: a string without its closing \""},
        {"houre(a)", NULL, "?column 1: unknown function \"houre\"; did you mean hour?"},
        {"frobnicate(a)", NULL, "?column 1: unknown function \"frobnicate\"; evexpr(7) lists them"},
        {"1 + substr(a)", NULL,
            "?column 5: wrong number of arguments: write substr(text, from) or substr(text, from, "
            "count)"},
        {"hour()", NULL, "?column 1: wrong number of arguments: write hour(time)"},
        {"date_trunc('hour')", NULL,
            "?column 1: wrong number of arguments: write date_trunc('hour', time)"},
        {"date_trunc('hours', a)", NULL,
            "?column 12: unknown unit \"hours\": second, minute, hour, day, week, month, quarter "
            "or year"},
        {"date_trunc(a, b)", NULL,
            "?column 12: expected a constant string, as in date_trunc('hour', time)"},
        {"matches(a, b)", NULL,
            "?column 12: expected a constant string, as in matches(text, '^A')"},
        {"matches(a, '(')", NULL, "?column 12: not a regular expression: Unmatched ( or \\("},
        {"coalesce()", NULL, "?column 10: expected a value, found ')'"},
        {"if(a, b)", NULL, "?column 8: expected ',' as in if(condition, a, b), found ')'"},
        {"a is 5", NULL, "?column 6: expected 'null' or 'not null', found '5'"},
        {"a not 5", NULL, "?column 7: expected 'between', 'like' or 'in', found '5'"},
        {"a in 5", NULL, "?column 6: expected '(', found '5'"},
        {"a in ()", NULL, "?column 7: expected a value, found ')'"},
        {"a between 1 or 2", NULL, "?column 13: expected 'and', found 'or'"},
        {"case when a end", NULL, "?column 13: expected 'then', found 'end'"},
        {"case end", NULL, "?column 6: expected a value, found 'end'"},
        {"case when a then b", NULL, "?column 19: expected 'end', found the end"},
        {"a && b", NULL, "?column 3: expected an operator or the end, found '&&': write and"},
        {"!a", NULL, "?column 1: expected a value, found '!': write not"},
        {"'\\d'", NULL, "?column 2: unknown escape (a backslash is \\\\)"},
        {"'\\ud800'", NULL, "?column 2: half of a surrogate pair is no text"},
        {"'a\\ude00'", NULL, "?column 3: half of a surrogate pair is no text"},
        {"'\\ud800\\u0041'", NULL, "?column 2: half of a surrogate pair is no text"},
        {"'\\u00g0'", NULL, "?column 2: unknown escape (a backslash is \\\\)"},
        {"007", NULL, "?column 1: not a number: \"007\""},
        {"1e99", NULL, "?column 1: a number of 10^38 or more"},
        {"a.", NULL, "?column 3: expected a name, found the end"},
        {"1 + `x", NULL, "?column 5: a backquote without its end"},
        {"a, b", NULL, "?column 2: expected an operator or the end, found ','"},
        {"\xff", NULL, "?column 1: not UTF-8"},
        {"a = \x01", NULL, "?column 5: expected a value, found \"\\x01\""});
    CHECK(strncmp(evaluate("5x", "{}").text, "?column 1: ", 11) == 0);
    CHECK(strncmp(evaluate("1 + @2025-13-01", "{}").text, "?column 5: expected @time or a time, ",
              37) == 0);
    CHECK(strncmp(evaluate("@", "{}").text, "?column 1: expected @time or a time, ", 37) == 0);
}

/* A thousand of anything nested is refused, in a row it is not. */
static void nesting_is_bounded(void) {
    static const char *const openings[] = {
        "(", "-", "not ", "abs(", "case when ", "if(", "coalesce(", "1 in (", "a + ("};
    char text[20000];
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
        *text = '\0';
        for (int k = 0; k < 1000; k++) strcat(text, openings[i]);
        strcat(text, "1");
        CHECK(strstr(evaluate(text, "{}").text, "nested more than 200 deep") != NULL);
    }
    strcpy(text, "a");
    for (int k = 0; k < 2000; k++) strcat(text, " or a");
    CHECK_STR(evaluate(text, "{\"a\":false}").text, "false");
    *text = '\0';
    for (int k = 0; k < 199; k++) strcat(text, "(");
    strcat(text, "7");
    for (int k = 0; k < 199; k++) strcat(text, ")");
    CHECK_STR(evaluate(text, "{}").text, "7");
}

static void zones(void) {
    struct err e;
    struct zone *z = zone_open("Asia/Kolkata", &e);
    int64_t t = INT64_C(1763085600000000); /* 2025-11-14T02:00:00Z, 07:30 there */
    CHECK(z != NULL);
    CHECK_STR(evaluate_at("hour(@time)", "{}", t, z).text, "7");
    CHECK_STR(
        evaluate_at("date_trunc('hour', @time)", "{}", t, z).text, "\"2025-11-14T01:30:00Z\"");
    CHECK_STR(evaluate_at("date_trunc('day', @time)", "{}", t, z).text, "\"2025-11-13T18:30:00Z\"");
    CHECK_STR(
        evaluate_at("date_trunc('month', @time)", "{}", t, z).text, "\"2025-10-31T18:30:00Z\"");
    CHECK_STR(evaluate_at("@2025-11-14", "{}", t, z).text, "\"2025-11-13T18:30:00Z\"");
    CHECK_STR(evaluate_at("@time = '2025-11-14 07:30:00'", "{}", t, z).text, "true");
    zone_close(z);
}

int main(void) {
    RUN(three_valued_logic);
    RUN(null_spreads);
    RUN(numbers_are_exact);
    RUN(comparisons);
    RUN(texts);
    RUN(times_and_durations);
    RUN(rounding);
    RUN(cases);
    RUN(paths);
    RUN(mistakes);
    RUN(nesting_is_bounded);
    RUN(zones);
    return check_done();
}
