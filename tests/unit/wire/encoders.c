#include "check.h"
#include "wire/encoder.h"

/* What becomes of rows, one a line; an error ends it as `65: message`. */
static char *encoded(enum out_format format, const char *rows) {
    struct encoder *c = encoder_new(format);
    struct buf out = {0};
    struct err e;
    bool good = true;
    for (size_t n; *rows && good; rows += n + (rows[n] == '\n')) {
        n = strcspn(rows, "\n");
        good = c->put(c, (struct slice){rows, n}, &out, &e);
    }
    good = good && c->finish(c, &out, &e);
    if (!good) buf_printf(&out, "%d: %s", (int)e.code, e.text);
    buf_addc(&out, '\0');
    c->free(c);
    return out.p;
}

#define WRITES(format, rows, want)                                                                 \
    do {                                                                                           \
        char *got__ = encoded(format, rows);                                                       \
        CHECK_STR(got__, want);                                                                    \
        free(got__);                                                                               \
    } while (0)

static void ndjson_is_the_text(void) {
    WRITES(OUT_NDJSON, "{ \"a\":1.10}\n{}", "{ \"a\":1.10}\n{}\n");
    WRITES(OUT_NDJSON, "", "");
}

static void csv_follows_rfc_4180(void) {
    WRITES(OUT_CSV, "{\"a\":1.10,\"b c\":\"x,y\",\"d\":null}\n{\"d\":true,\"a\":\"q\\\"q\\n\"}",
        "a,b c,d\r\n1.10,\"x,y\",\r\n\"q\"\"q\n\",,true\r\n");
    WRITES(OUT_CSV, " { \"a\" : { \"b\" : [1, 2] } } ", "a\r\n\"{ \"\"b\"\" : [1, 2] }\"\r\n");
    WRITES(OUT_CSV, "{\"a\":null}\n{\"a\":1}\n{}", "a\r\n\"\"\r\n1\r\n\"\"\r\n");
    WRITES(OUT_CSV, "{\"a\":1,\"a\":2}\n{\"\\u0061\":3}", "a\r\n2\r\n3\r\n");
    WRITES(OUT_CSV, "", "");
}

static void csv_columns_are_those_of_the_first_row(void) {
    WRITES(OUT_CSV, "{\"a\":1}\n{\"a\":1,\"b\":2}",
        "a\r\n1\r\n65: field \"b\" has no column: those of the first row are written");
    WRITES(OUT_CSV, "{}", "65: the first row has no fields to name the columns by");
    WRITES(OUT_CSV, "{\"a\":\"\\ud800\"}", "65: \"a\": a lone surrogate is no text: \"\\\\ud800\"");
}

static void tsv_quotes(void) {
    WRITES(OUT_TSV, "{\"a\":\"x\\ty\\nz\",\"b\":\"c\\\\d,\\\"\"}\n{\"a\":null,\"b\":null}",
        "a\tb\n\"x\ty\nz\"\t\"c\\d,\"\"\"\n\t\n");
}

static void tables_are_aligned(void) {
    WRITES(OUT_TABLE,
        "{\"city\":\"K\xC3\xB6ln\",\"n\":5}\n{\"city\":\"Rio de "
        "Janeiro\",\"n\":1200,\"note\":\"a\\tb\"}\n{\"n\":null}",
        "city               n  note\nK\xC3\xB6ln               5\nRio de Janeiro  1200  a?b\n\n");
    WRITES(OUT_TABLE, "{\"n\":5,\"x\":1}\n{\"n\":\"five\",\"x\":22}",
        "n      x\n   5   1\nfive  22\n");
    WRITES(OUT_TABLE, "{\"a\":\"\\u001b[2J\xC2\x9B\"}", "a\n?[2J?\n");
    WRITES(OUT_TABLE, "", "");
}

static void a_long_table_flows(void) {
    struct encoder *c = encoder_new(OUT_TABLE);
    struct buf out = {0};
    struct err e;
    for (int i = 0; i < 1000; i++) {
        CHECK(out.n == 0);
        CHECK(c->put(c, slice_of("{\"a\":1}"), &out, &e));
    }
    CHECK(out.n == 1001 * 2);
    CHECK(c->put(c, slice_of("{\"a\":123}"), &out, &e) && out.n == 1001 * 2 + 4);
    CHECK(!c->put(c, slice_of("{\"b\":123}"), &out, &e) && e.code == EXIT_BAD_DATA);
    c->free(c);
    buf_free(&out);
}

static void formats_have_names(void) {
    enum out_format f;
    struct err e;
    CHECK(out_format_parse(slice_of("table"), &f, &e) && f == OUT_TABLE);
    CHECK(!out_format_parse(slice_of("xml"), &f, &e) && e.code == EXIT_USAGE);
    CHECK_STR(e.text, "unknown format \"xml\": ndjson, csv, tsv or table");
    CHECK(out_format_of_name(slice_of("a.csv.gz")) == OUT_CSV);
    CHECK(out_format_of_name(slice_of("a.tsv")) == OUT_TSV);
    CHECK(out_format_of_name(slice_of("csv")) == OUT_NDJSON);
}

int main(void) {
    RUN(ndjson_is_the_text);
    RUN(csv_follows_rfc_4180);
    RUN(csv_columns_are_those_of_the_first_row);
    RUN(tsv_quotes);
    RUN(tables_are_aligned);
    RUN(a_long_table_flows);
    RUN(formats_have_names);
    return check_done();
}
