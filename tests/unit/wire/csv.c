#include <dirent.h>

#include "check.h"

/* jansson's names for types are ours too; its macros are used up here only. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>

static bool means(json_t *ours, json_t *theirs) {
    const char *want = json_string_value(theirs);
    if (json_is_null(ours)) return strcmp(want, "") == 0;
    if (json_is_string(ours)) return strcmp(json_string_value(ours), want) == 0;
    char *text = json_dumps(ours, JSON_ENCODE_ANY);
    bool same = strcmp(text, want) == 0 || (want[0] == '0' && json_is_string(ours));
    free(text);
    return same;
}

static bool same_object(json_t *ours, json_t *theirs) {
    const char *key;
    json_t *value;
    bool same = json_object_size(ours) == json_object_size(theirs);
    json_object_foreach(theirs, key, value) {
        json_t *our = json_object_get(ours, key);
        /* location_coordinates.json has another number than its CSV. */
        bool wrong_there = strcmp(key, "Contact Phone Number") == 0;
        same = same && our && (wrong_there || means(our, value));
    }
    return same;
}

/* Is the text row i of the expected array? csv-spectrum calls all values text, ours are typed
 * by themselves. */
static bool same_row(const char *p, size_t n, json_t *want, size_t i) {
    json_t *row = json_loadb(p, n, 0, NULL),
           *theirs = json_is_array(want) ? json_array_get(want, i) : want;
    bool same = row && theirs && same_object(row, theirs);
    json_decref(row);
    return same;
}

static size_t rows_of(const json_t *want) {
    return json_is_array(want) ? json_array_size(want) : 1;
}

#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL
#include "transcript.h"

#define READS_AS(format, text, want)                                                               \
    CHECK_TRANSCRIPT(format, (struct decode_options){0}, text, sizeof text - 1, want)
#define READS(text, want) READS_AS(FORMAT_CSV, text, want)

static void types_each_value_by_itself(void) {
    READS("a,b\n1,x\n-1.10,true\n0,false\n",
        "event 2 {\"a\":1,\"b\":\"x\"}\nevent 3 {\"a\":-1.10,\"b\":true}\n"
        "event 4 {\"a\":0,\"b\":false}\n");
    READS("a,b\n007,+1\n1e5,.5\n5.,-\n\"12\",\"true\"\n1.2.3,TRUE\n--1,- 1\n",
        "event 2 {\"a\":\"007\",\"b\":\"+1\"}\nevent 3 {\"a\":\"1e5\",\"b\":\".5\"}\n"
        "event 4 {\"a\":\"5.\",\"b\":\"-\"}\nevent 5 {\"a\":12,\"b\":true}\n"
        "event 6 {\"a\":\"1.2.3\",\"b\":\"TRUE\"}\nevent 7 {\"a\":\"--1\",\"b\":\"- 1\"}\n");
    READS("a,b\n,\"\"\n 1,x \n",
        "event 2 {\"a\":null,\"b\":null}\nevent 3 {\"a\":\" 1\",\"b\":\"x \"}\n");
    READS("a\n123456789012345678901234567890.10\n",
        "event 2 {\"a\":123456789012345678901234567890.10}\n");
}

static void fixes_a_column(void) {
    struct decode_options o = {.types = "no:text,price:num,ok:bool"};
    const char text[] = "no,price,ok,x\n12,1e5,true,1\n007,,false,\n1,007,true,\n1,2,yes,\n";
    CHECK_TRANSCRIPT(FORMAT_CSV, o, text, sizeof text - 1,
        "event 2 {\"no\":\"12\",\"price\":1e5,\"ok\":true,\"x\":1}\n"
        "event 3 {\"no\":\"007\",\"price\":null,\"ok\":false,\"x\":null}\n"
        "bad 4 bad_row: price: not a number: \"007\" [1,007,true,]\n"
        "bad 5 bad_row: ok: not true or false: \"yes\" [1,2,yes,]\n");
    o.types = "pric:num";
    CHECK_TRANSCRIPT(
        FORMAT_CSV, o, "no,price\n", 9, "failed 1 --types: no column \"pric\", is it price\n");
}

static void reads_quotes_newlines_and_crlf(void) {
    READS("a,b\r\n\"x\r\ny\",\"say \"\"hi\"\", ok\"\r\n2,3\r\n",
        "event 2 {\"a\":\"x\\r\\ny\",\"b\":\"say \\\"hi\\\", ok\"}\nevent 4 {\"a\":2,\"b\":3}\n");
    READS("\xEF\xBB\xBF\"a\",b\n37\xC2\xB0"
          "8\"N,1\"\n",
        "event 2 {\"a\":\"37\xC2\xB0"
        "8\\\"N\",\"b\":\"1\\\"\"}\n");
    READS("a,b\n\n1,2\n\r\n3,4", "event 3 {\"a\":1,\"b\":2}\nevent 5 {\"a\":3,\"b\":4}\nblank 2\n");
    READS("a\n\"x\"", "event 2 {\"a\":\"x\"}\n");
    READS_AS(FORMAT_TSV, "a\tb\n1,5\t\"x\ty\"\n\t\n",
        "event 2 {\"a\":\"1,5\",\"b\":\"x\\ty\"}\nevent 3 {\"a\":null,\"b\":null}\n");
}

static void goes_on_behind_a_bad_row(void) {
    READS("a,b\n1\n1,2,3\n4,5\n",
        "bad 2 bad_row: 1 field, but 2 columns [1]\n"
        "bad 3 bad_row: 3 fields, but 2 columns [1,2,3]\nevent 4 {\"a\":4,\"b\":5}\n");
    READS("a,b\n\"x\"y,2\n\"p\nq\" ,2\n4,5\n",
        "bad 2 bad_row: something behind a closing quote [\"x\"y,2]\n"
        "bad 3 bad_row: something behind a closing quote [\"p\nq\" ,2]\n"
        "event 5 {\"a\":4,\"b\":5}\n");
    READS("a,b\n1,\xFF\n4,5\n",
        "bad 2 bad_row: byte 3: not UTF-8 [1,\xFF]\nevent 3 {\"a\":4,\"b\":5}\n");
    READS("a,b\n1,2\r3,4\n4,5\n",
        "bad 2 bad_row: a lone CR outside of quotes [1,2\r3,4]\nevent 3 {\"a\":4,\"b\":5}\n");
    READS("a,b\n4,5\n1,\"x\n2,3\n",
        "event 2 {\"a\":4,\"b\":5}\nbad 3 bad_row: ends inside of quotes [1,\"x\n2,3]\n");
}

static void obeys_an_abort_line_also_where_a_row_broke_off(void) {
    READS("a,b\n1,\n{\"@ev\":\"abort\",\"tool\":\"evsink\",\"message\":\"x\"}\n",
        "event 2 {\"a\":1,\"b\":null}\nabort 3 evsink failed upstream: x\n");
    READS("a,b\n1,\"two\nlin\n{\"@ev\":\"abort\",\"tool\":\"evsink\",\"message\":\"x\"}\n",
        "abort 2 evsink failed upstream: x\n");
}

static void wants_a_usable_header(void) {
    READS("", "");
    READS("\n\n", "blank 2\n");
    READS("a,b", "");
    READS("a,,b\n1,2,3\n",
        "failed 1 column 2 has no name: cut this row off (tail -n +2) and name them by --header\n");
    READS("\na,b,a\n1,2,3\n", "failed 2 two columns are named \"a\": cut this row off (tail -n +2) "
                              "and name them by --header\nblank 1\n");
    READS("a,@ev\n1,2\n", "failed 1 column 2: the name \"@ev\" is reserved for control lines\n");
    READS("a\"b,\"c\"d\n", "failed 1 something behind a closing quote\n");
    READS("a,b\r1,2\r", "failed 1 the lines end in a lone CR: convert them with tr '\\r' '\\n'\n");
    READS("\"a\"\"\n\",b\\\n1,2\n", "event 3 {\"a\\\"\\n\":1,\"b\\\\\":2}\n");
}

static void takes_a_header_from_the_options(void) {
    struct decode_options o = {.header = "u,v"};
    CHECK_TRANSCRIPT(FORMAT_CSV, o, "1,2\n3", 5,
        "event 1 {\"u\":1,\"v\":2}\nbad 2 bad_row: 1 field, but 2 columns [3]\n");
}

static void checks_options(void) {
    struct err e;
    CHECK(decode_options_check(
        &(struct decode_options){.header = "a,b", .types = "a:num,b:text"}, &e));
    CHECK(!decode_options_check(&(struct decode_options){.header = "a,,b"}, &e) &&
          e.code == EXIT_USAGE);
    CHECK_STR(e.text, "--header: column 2 has no name");
    CHECK(!decode_options_check(&(struct decode_options){.types = "a:num,b:date"}, &e));
    CHECK_STR(e.text, "--types: \"b:date\" is not COLUMN:text, COLUMN:num or COLUMN:bool");
    CHECK(!decode_options_check(&(struct decode_options){.types = "num"}, &e));
    CHECK(!decode_options_check(&(struct decode_options){.header = "a", .types = "b:num"}, &e));
    CHECK(!decode_options_check(&(struct decode_options){.max_line = SIZE_MAX}, &e));
}

static void bounds_a_row(void) {
    struct decode_options o = {.max_line = 8};
    const char text[] = "a,b\n1,234567\n1,2345678\n3,\"4\n5,6\n7,8\"\n9,0\n1,2345678";
    CHECK_TRANSCRIPT(FORMAT_CSV, o, text, sizeof text - 1,
        "event 2 {\"a\":1,\"b\":234567}\n"
        "bad 3 too_long: longer than 8 bytes (--max-line) [1,234567]\n"
        "bad 4 too_long: longer than 8 bytes (--max-line); is a quote missing? [3,\"4\n5,6]\n"
        "event 6 {\"a\":7,\"b\":\"8\\\"\"}\n"
        "event 7 {\"a\":9,\"b\":0}\n"
        "bad 8 too_long: longer than 8 bytes (--max-line) [1,234567]\n");
}

/* ---- csv-spectrum ---- */

/* The _crlf files are given their CRs where a checkout has taken them away. */
static struct buf slurp(const char *path) {
    struct buf b = {0};
    FILE *f = fopen(path, "r");
    bool crlf = strstr(path, "_crlf") != NULL;
    for (int c; f && (c = getc(f)) != EOF; buf_addc(&b, (char)c))
        if (c == '\n' && crlf && b.n && b.p[b.n - 1] != '\r') buf_addc(&b, '\r');
    if (f) fclose(f);
    return b;
}

static void compare(const char *csv_path, const char *json_path) {
    struct buf csv = slurp(csv_path);
    json_t *want = json_load_file(json_path, 0, NULL);
    CHECK(csv.n && want);
    struct json_scanner *scanner = json_scanner_new(1024);
    struct pieces in = pieces_of(buf_slice(&csv), 0, 0);
    struct err e;
    struct decoder *d =
        decoder_open(FORMAT_CSV, &in.base, scanner, &(struct decode_options){0}, &e);
    struct event ev;
    size_t n = 0;
    for (; d->next(d, &ev, &e) == DECODED_EVENT; n++) {
        bool same = same_row(ev.text.p, ev.text.n, want, n);
        if (!same) fprintf(stderr, "%s: row %zu: %.*s\n", csv_path, n, (int)ev.text.n, ev.text.p);
        CHECK(same);
    }
    CHECK(n == rows_of(want));
    CHECK(same_in_pieces(FORMAT_CSV, (struct decode_options){0}, buf_slice(&csv)));
    d->close(d);
    json_scanner_free(scanner);
    json_decref(want);
    buf_free(&csv);
}

static void reads_csv_spectrum(void) {
    const char *data = getenv("EV_DATA");
    char folder[512], csv[1024], json[1024];
    snprintf(folder, sizeof folder, "%s/csv-suite/csv-spectrum", data ? data : "../shared/data");
    snprintf(csv, sizeof csv, "%s/csvs", folder);
    DIR *dir = opendir(csv);
    if (!dir) {
        fprintf(stderr, "skipped: reads_csv_spectrum: no %s\n", csv);
        return;
    }
    for (struct dirent *f; (f = readdir(dir));) {
        size_t n = strlen(f->d_name);
        if (n < 5 || n > 200) continue;
        snprintf(csv, sizeof csv, "%s/csvs/%s", folder, f->d_name);
        snprintf(json, sizeof json, "%s/json/%.*s.json", folder, (int)n - 4, f->d_name);
        compare(csv, json);
    }
    closedir(dir);
}

int main(void) {
    RUN(types_each_value_by_itself);
    RUN(fixes_a_column);
    RUN(reads_quotes_newlines_and_crlf);
    RUN(goes_on_behind_a_bad_row);
    RUN(obeys_an_abort_line_also_where_a_row_broke_off);
    RUN(wants_a_usable_header);
    RUN(takes_a_header_from_the_options);
    RUN(checks_options);
    RUN(bounds_a_row);
    RUN(reads_csv_spectrum);
    return check_done();
}
