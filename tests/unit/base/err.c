/* Messages, buffers and hashes. */
#include "base/err.h"

#include <errno.h>

#include "base/buf.h"
#include "base/hash.h"
#include "check.h"

static void builds_messages(void) {
    struct err e = {0};
    CHECK(!err_set(&e, EXIT_BAD_DATA, "not a time: %s", "\"x\""));
    CHECK(!err_at(&e, "%s:%d", "orders.ndjson", 41));
    CHECK_STR(e.text, "orders.ndjson:41: not a time: \"x\"");
    CHECK(e.code == EXIT_BAD_DATA);
    CHECK(!err_errno(&e, EXIT_NO_INPUT, ENOENT, "%s", "a"));
    CHECK_STR(e.text, "a: No such file or directory");
    CHECK(!err_set(&e, EXIT_IO, "again: %s", e.text));
    CHECK_STR(e.text, "again: a: No such file or directory");
}

static void cuts_long_messages(void) {
    struct err e = {0};
    char *text = mem_zero(3 * ERR_TEXT, 1);
    memset(text, 'x', 3 * ERR_TEXT - 1);
    err_set(&e, EXIT_BUG, "%s", text);
    err_at(&e, "%s", text);
    CHECK(strlen(e.text) == ERR_TEXT - 1);
    free(text);
}

static void quotes_what_may_be_hostile(void) {
    static const struct {
        const char *text;
        size_t n;
        const char *want;
    } rows[] = {{"yesterday", 9, "\"yesterday\""}, {"", 0, "\"\""},
        {"a\nb\x1b[2J", 7, "\"a\\x0ab\\x1b[2J\""}, {"\0x", 2, "\"\\x00x\""},
        {"say \"hi\" \\", 10, "\"say \\\"hi\\\" \\\\\""},
        {"gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\""}, {"\xc3", 1, "\"\\xc3\""},
        {"\xc3x", 2, "\"\\xc3x\""}, {"\xc0\x80", 2, "\"\\xc0\\x80\""},
        {"\xe2\x80\xae", 3, "\"\\xe2\\x80\\xae\""}, {"\xc2\x9b", 2, "\"\\xc2\\x9b\""},
        {"\xed\xa0\x80", 3, "\"\\xed\\xa0\\x80\""}, {"\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\""},
        {"\xf5\x80\x80\x80", 4, "\"\\xf5\\x80\\x80\\x80\""},
        {"\xf4\x90\x80\x80", 4, "\"\\xf4\\x90\\x80\\x80\""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK_STR(QUOTED(((struct slice){rows[i].text, rows[i].n})), rows[i].want);
    char text[201] = {0};
    memset(text, 'x', 200);
    char want[80];
    snprintf(want, sizeof want, "\"%.60s\"...", text);
    CHECK_STR(QUOTED(slice_of(text)), want);
}

/* Each size of the buffer and each content stays inside. */
static void quotes_into_small_buffers(void) {
    static const char text[] =
        "a\n\xc3\xbc\"\xff\\\xf0\x9f\x98\x80 and some more of it until the end is far away";
    for (size_t size = 8; size < 100; size++)
        for (size_t n = 0; n < sizeof text; n++) {
            char *out = mem_alloc(size);
            err_quote(out, size, (struct slice){text, n});
            CHECK(strlen(out) < size);
            free(out);
        }
    char all[256], big[320];
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    for (size_t i = 0; i < 256; i++)
        CHECK(strlen(err_quote(big, sizeof big, (struct slice){all + i, 256 - i})) < 320);
}

static void finds_the_word_that_was_meant(void) {
    static const char *const names[] = {"--time", "--lateness", "--every", "--by", "--where"};
    static const struct {
        const char *word, *want;
    } rows[] = {{"--latness", "--lateness"}, {"--tiem", "--time"}, {"--evrey", "--every"},
        {"--wher", "--where"}, {"--bz", "--by"}, {"--quite-another", NULL}, {"--", NULL},
        {"", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = err_nearest(slice_of(rows[i].word), names, 5);
        CHECK_STR(got ? got : "none", rows[i].want ? rows[i].want : "none");
    }
    char lengthy[500] = {0};
    memset(lengthy, 'x', sizeof lengthy - 1);
    CHECK(!err_nearest(slice_of(lengthy), names, 5));
}

static void buffers_grow(void) {
    struct buf b = {0};
    for (int i = 0; i < 1000; i++) buf_printf(&b, "%d,", i);
    CHECK(b.n == 10 * 2 + 90 * 3 + 900 * 4);
    buf_add(&b, NULL, 0);
    buf_adds(&b, "end");
    CHECK(slice_ends(buf_slice(&b), "999,end"));
    buf_free(&b);
    CHECK(b.p == NULL && b.n == 0 && b.cap == 0);
    char *copy = mem_str((struct slice){"abc", 2});
    CHECK_STR(copy, "ab");
    free(copy);
}

static void hashes_by_seed(void) {
    CHECK(hash_bytes("R45", 3, 1) == hash_bytes("R45", 3, 1));
    CHECK(hash_bytes("R45", 3, 1) != hash_bytes("R45", 3, 2));
    CHECK(hash_bytes("R45", 3, 1) != hash_bytes("R46", 3, 1));
    CHECK(hash_seed() != hash_seed());
}

int main(void) {
    RUN(builds_messages);
    RUN(cuts_long_messages);
    RUN(quotes_what_may_be_hostile);
    RUN(quotes_into_small_buffers);
    RUN(finds_the_word_that_was_meant);
    RUN(buffers_grow);
    RUN(hashes_by_seed);
    return check_done();
}
