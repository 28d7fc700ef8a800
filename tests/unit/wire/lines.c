#include "check.h"
#include "transcript.h"

#define READS(text, want)                                                                          \
    CHECK_TRANSCRIPT(FORMAT_LINES, (struct decode_options){0}, text, sizeof text - 1, want)

static void hands_out_lines_as_they_are(void) {
    READS("{\"a\":1}\n{\"b\": 1.10 }\n", "event 1 {\"a\":1}\nevent 2 {\"b\": 1.10 }\n");
    READS(" {\"a\":1} \r\n{\"a\":2}\r\n", "event 1  {\"a\":1} \r\nevent 2 {\"a\":2}\r\n");
    READS("{\"a\":1}\n{\"a\":2}", "event 1 {\"a\":1}\nevent 2 {\"a\":2}\n");
    READS("", "");
    READS("{}", "event 1 {}\n");
}

static void skips_blank_lines_and_counts_them(void) {
    READS("\n\n{}\n \t\r\n{}\n\n", "event 3 {}\nevent 5 {}\nblank 4\n");
    READS("  ", "blank 1\n");
}

static void skips_a_byte_order_mark(void) {
    READS("\xEF\xBB\xBF{}\n{}\n", "event 1 {}\nevent 2 {}\n");
    READS("\xEF\xBB\xBF", "");
    READS("\xFF\xFE{\0\n\0",
        "failed 0 is UTF-16, not UTF-8: convert it with iconv -f UTF-16 -t UTF-8\n");
}

static void goes_on_behind_a_bad_line(void) {
    READS("{\"a\":1}\n{\"a\":}\n[1]\n\"x\"\n7\nnull\n{}\n",
        "event 1 {\"a\":1}\n"
        "bad 2 bad_json: byte 6: expected a value, found '}' [{\"a\":}]\n"
        "bad 3 not_object: not a JSON object, found an array [[1]]\n"
        "bad 4 not_object: not a JSON object, found a string [\"x\"]\n"
        "bad 5 not_object: not a JSON object, found a number [7]\n"
        "bad 6 not_object: not a JSON object, found null [null]\n"
        "event 7 {}\n");
    READS("{}\n{\"a\":1",
        "event 1 {}\nbad 2 bad_json: ends where ',' or '}' was expected [{\"a\":1]\n");
}

static void obeys_abort_lines_only(void) {
    READS("{\"@ev\":\"abort\",\"tool\":\"evcat\",\"code\":65,\"message\":\"a.ndjson:41: "
          "bad\\nnews\"}\n",
        "abort 1 evcat failed upstream: a.ndjson:41: bad?news\n");
    READS("{\"x\":1,\"\\u0040ev\":\"watermark\"}\n{\"a\":{\"@ev\":1}}\n",
        "bad 1 control: a top-level \"@ev\" is reserved for control lines "
        "[{\"x\":1,\"\\u0040ev\":\"watermark\"}]\n"
        "event 2 {\"a\":{\"@ev\":1}}\n");
}

static void refuses_lines_over_the_limit(void) {
    struct decode_options o = {.max_line = 8};
    const char text[] = "{\"a\":12}\n{\"a\":123}\n{}\n{\"a\":1234";
    CHECK_TRANSCRIPT(FORMAT_LINES, o, text, sizeof text - 1,
        "event 1 {\"a\":12}\n"
        "bad 2 too_long: longer than 8 bytes (--max-line) [{\"a\":123]\n"
        "event 3 {}\n"
        "bad 4 too_long: longer than 8 bytes (--max-line) [{\"a\":123]\n");
}

/* Blank or not, and wherever the reads fall. */
static void a_long_blank_line_is_too_long(void) {
    struct decode_options o = {.max_line = 8};
    CHECK_TRANSCRIPT(FORMAT_LINES, o, "        \n         \n{}", 21,
        "bad 2 too_long: longer than 8 bytes (--max-line) [        ]\nevent 3 {}\nblank 1\n");
}

/* An endless line in bounded memory, and the event behind it. */
static void skips_a_long_line_without_holding_it(void) {
    size_t n = (size_t)40 << 20;
    char *text = mem_alloc(n + 3);
    memset(text, 'x', n);
    memcpy(text + n - 1, "\n{}\n", 4);
    struct json_scanner *scanner = json_scanner_new(1024);
    struct pieces in = pieces_of((struct slice){text, n + 3}, 1, 100000);
    struct err e;
    struct decoder *d =
        decoder_open(FORMAT_LINES, &in.base, scanner, &(struct decode_options){0}, &e);
    struct event ev;
    CHECK(d->next(d, &ev, &e) == DECODED_BAD);
    CHECK_STR(e.text, "longer than 16 MiB (--max-line)");
    CHECK(ev.text.n == 64 << 10);
    CHECK(d->next(d, &ev, &e) == DECODED_EVENT && ev.line == 2 && slice_is(ev.text, "{}"));
    CHECK(d->next(d, &ev, &e) == DECODED_END);
    CHECK(d->bytes_read == n + 3);
    d->close(d);
    json_scanner_free(scanner);
    free(text);
}

/* Lines of one shape and others, some longer than the buffer, in pieces of all sizes. */
static void reads_the_same_in_pieces(void) {
    struct buf text = {0};
    for (int i = 0; i < 300; i++) {
        buf_printf(&text, "{\"id\":%d,\"v\":\"%*s\",\"f\":[%d]}%s", i, i % 50 ? i : 40 * i, "x",
            i * i, i % 7 ? "\n" : "\r\n");
        if (i % 40 == 0) buf_adds(&text, "junk\n\n");
    }
    CHECK(same_in_pieces(FORMAT_LINES, (struct decode_options){0}, buf_slice(&text)));
    buf_free(&text);
}

static void finds_wanted_fields(void) {
    struct json_scanner *scanner = json_scanner_new(1024);
    struct json_path path;
    struct err e;
    json_path_parse(slice_of("b.c"), &path, &e);
    int index = json_want(scanner, &path);
    json_path_free(&path);
    struct pieces in = pieces_of(slice_of("{\"a\":1,\"b\":{\"c\":\"x\"}}\n{\"a\":1}\n"), 0, 0);
    struct decoder *d =
        decoder_open(FORMAT_LINES, &in.base, scanner, &(struct decode_options){0}, &e);
    struct event ev;
    CHECK(d->next(d, &ev, &e) == DECODED_EVENT);
    CHECK(slice_is(json_slice(&ev.fields[index]), "x"));
    CHECK(d->next(d, &ev, &e) == DECODED_EVENT);
    CHECK(ev.fields[index].kind == JSON_MISSING);
    CHECK_STR(ev.source, "test");
    d->close(d);
    json_scanner_free(scanner);
}

static void knows_formats_by_name(void) {
    CHECK(format_of_name(slice_of("a/b.csv")) == FORMAT_CSV);
    CHECK(format_of_name(slice_of("b.tsv.gz")) == FORMAT_TSV);
    CHECK(format_of_name(slice_of("b.csv.zst")) == FORMAT_CSV);
    CHECK(format_of_name(slice_of("b.json")) == FORMAT_LINES);
    CHECK(format_of_name(slice_of("-")) == FORMAT_LINES);
}

int main(void) {
    RUN(hands_out_lines_as_they_are);
    RUN(skips_blank_lines_and_counts_them);
    RUN(skips_a_byte_order_mark);
    RUN(goes_on_behind_a_bad_line);
    RUN(obeys_abort_lines_only);
    RUN(refuses_lines_over_the_limit);
    RUN(a_long_blank_line_is_too_long);
    RUN(skips_a_long_line_without_holding_it);
    RUN(reads_the_same_in_pieces);
    RUN(finds_wanted_fields);
    RUN(knows_formats_by_name);
    return check_done();
}
