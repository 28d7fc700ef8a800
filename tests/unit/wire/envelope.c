#include "wire/envelope.h"

#include "check.h"

static void writes_members_in_order(void) {
    struct buf out = {0};
    struct event ev = {.text = slice_of(" {\"v\":1.10}\r"), .source = "a\xFF.ndjson", .line = 41};
    struct envelope v = {.kind = "late",
        .code = "late",
        .message = "behind",
        .tool = "evwindow",
        .field = "event_ts",
        .value = slice_of("\"yesterday\""),
        .window_start = 0,
        .watermark = 1500000,
        .late_by = 2500000,
        .is_json = true};
    envelope_write(&out, &v, &ev);
    buf_addc(&out, '\0');
    CHECK_STR(out.p,
        "{\"kind\":\"late\",\"code\":\"late\",\"message\":\"behind\",\"tool\":\"evwindow\","
        "\"source\":\"a\xEF\xBF\xBD.ndjson\",\"line\":41,\"field\":\"event_ts\",\"value\":"
        "\"yesterday\","
        "\"window_start\":\"1970-01-01T00:00:00Z\",\"watermark\":\"1970-01-01T00:00:01.500000Z\","
        "\"late_by\":2.5,\"event\":{\"v\":1.10}}\n");
    out.n = 0;
    ev = (struct event){.text = slice_of("ju\"nk")};
    v = (struct envelope){.kind = "reject", .window_start = TIME_NONE, .watermark = TIME_NONE};
    envelope_write(&out, &v, &ev);
    buf_addc(&out, '\0');
    CHECK_STR(out.p, "{\"kind\":\"reject\",\"raw\":\"ju\\\"nk\"}\n");
    buf_free(&out);
}

static bool comes_back(struct slice text, bool is_json) {
    struct buf out = {0}, scratch = {0};
    struct err e;
    struct slice back;
    struct envelope v = {.kind = "reject",
        .code = "bad_json",
        .is_json = is_json,
        .window_start = TIME_NONE,
        .watermark = TIME_NONE};
    envelope_write(&out, &v, &(struct event){.text = text});
    struct json_scanner *scanner = json_scanner_new(1024);
    memset(buf_reserve(&out, 64), 0, 64);
    struct slice line = {out.p, out.n - 1};
    bool good = json_scan(scanner, line, out.p + out.n + 64, NULL, &e) &&
                envelope_unwrap(line, &scratch, &back, &e) && slice_eq(back, text);
    json_scanner_free(scanner);
    buf_free(&out);
    buf_free(&scratch);
    return good;
}

static void gives_back_the_exact_bytes(void) {
    CHECK(comes_back(
        slice_of("{ \"kind\" : \"late\",\"event\":{\"x\":1e400}, \"a\":1.10,\"a\":2 }"), true));
    CHECK(comes_back(slice_of("{}"), true));
    CHECK(comes_back(slice_of(""), false));
    CHECK(comes_back(slice_of("{\"a\":\t\"\\ud800\", \xC3\xA4\r"), false));
    CHECK(comes_back((struct slice){"a\0b", 3}, false));
    CHECK(comes_back(slice_of("\xFF"), false));
    CHECK(comes_back(slice_of("a\xFF"), false));
    CHECK(comes_back(slice_of("ab\xFF"), false));
    char all[256 * 2];
    for (size_t i = 0; i < sizeof all; i++) all[i] = (char)(i * 7);
    for (size_t n = 0; n <= sizeof all; n++) CHECK(comes_back((struct slice){all, n}, false));
}

static void refuses_what_is_no_envelope(void) {
    static const char *const not_envelopes[] = {"{}", "{\"kind\":\"late\"}",
        "{\"kind\":\"x\",\"event\":{}}", "{\"kind\":1,\"event\":{}}",
        "{\"kind\":\"late\",\"event\":[1]}", "{\"kind\":\"dup\",\"raw_base64\":\"a\"}",
        "{\"kind\":\"dup\",\"raw_base64\":\"a===\"}", "{\"kind\":\"dup\",\"raw_base64\":\"ab=c\"}",
        "{\"kind\":\"dup\",\"raw_base64\":\"ab-_\"}",
        "{\"kind\":\"dup\",\"raw_base64\":\"\\u0000abc\"}",
        "{\"kind\":\"dup\",\"raw\":\"\\ud800\"}"};
    struct buf scratch = {0};
    struct slice event;
    for (size_t i = 0; i < sizeof not_envelopes / sizeof *not_envelopes; i++) {
        struct err e = {0};
        CHECK(!envelope_unwrap(slice_of(not_envelopes[i]), &scratch, &event, &e));
        CHECK(e.code == EXIT_BAD_DATA && scratch.n == 0);
    }
    struct err e;
    CHECK(envelope_unwrap(slice_of(" {\"new\":[{}],\"\\u0065vent\": {\"a\":1} ,\"kind\":\"dup\"} "),
        &scratch, &event, &e));
    CHECK(slice_is(event, "{\"a\":1}"));
    buf_free(&scratch);
}

static void abort_lines_come_back(void) {
    struct buf out = {0};
    struct err e;
    abort_write(&out, "evcat", EXIT_BAD_DATA, "a\xFF\n\"b\"");
    CHECK(slice_is(buf_slice(&out), "{\"@ev\":\"abort\",\"tool\":\"evcat\",\"code\":65,\"message\":"
                                    "\"a\xEF\xBF\xBD\\n\\\"b\\\"\"}\n"));
    CHECK(abort_read((struct slice){out.p, out.n - 1}, &e) && e.code == EXIT_IO);
    CHECK_STR(e.text, "evcat failed upstream: a\xEF\xBF\xBD?\"b\"");
    CHECK(abort_read(slice_of("{\"@ev\":\"abort\"}"), &e));
    CHECK_STR(e.text, "a tool failed upstream: no reason given");
    CHECK(abort_read(slice_of("{\"@ev\":\"\\u0061bort\"}"), &e));
    CHECK(!abort_read(slice_of("{\"@ev\":\"end\"}"), &e));
    CHECK(!abort_read(slice_of("{\"@ev\":[\"abort\"]}"), &e));
    buf_free(&out);
}

int main(void) {
    RUN(writes_members_in_order);
    RUN(gives_back_the_exact_bytes);
    RUN(refuses_what_is_no_envelope);
    RUN(abort_lines_come_back);
    return check_done();
}
