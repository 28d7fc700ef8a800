#include "wire/commitlog.h"

#include "check.h"

static struct err e;

/* Reads a whole record and writes it again, or says what is wrong with it. */
static char *again(const char *text) {
    struct log_parser *p = log_parser_new();
    struct buf out = {0};
    bool ok = true;
    log_parser_start(p);
    for (const char *end; ok && (end = strchr(text, '\n')); text = end + 1) {
        struct log_line l;
        ok = log_parser_next(p, (struct slice){text, (size_t)(end - text)}, &l, &e);
        if (ok) log_line_write(&out, &l);
    }
    ok = ok && log_parser_done(p, &e);
    if (!ok) {
        out.n = 0;
        buf_printf(&out, "%d: %s", (int)e.code, e.text);
    }
    buf_addc(&out, 0);
    log_parser_free(p);
    return out.p;
}

#define CHECK_AGAIN(text, want)                                                                    \
    do {                                                                                           \
        char *got__ = again(text);                                                                 \
        CHECK_STR(got__, want);                                                                    \
        free(got__);                                                                               \
    } while (0)
#define CHECK_SAME(text) CHECK_AGAIN(text, text)
/* One line between the first and the last. */
#define ONE(line) "{\"log\":1}\n" line "\n{\"end\":1}\n"
#define DAMAGED "74: the commit log is damaged: "

static void lines_come_back_as_they_were(void) {
    CHECK_SAME("{\"log\":1}\n{\"end\":0}\n");
    CHECK_SAME(ONE("{\"txn\":{\"sink\":\"evsink\",\"run\":\"2025-11-14\",\"rerun\":3}}"));
    CHECK_SAME(
        ONE("{\"txn\":{\"sink\":\"a b\\\"\",\"run\":\"0\",\"pipeline\":\"\xC3\xA9\",\"uuid\":"
            "\"u\",\"generation\":2,\"epoch\":999999999999999999,\"plan\":\"00ff0123456789ab\"}}"));
    CHECK_SAME(ONE("{\"add\":{\"path\":\"c=%2F/x=._\xC3\xA9/a-0-0.csv.gz\",\"size\":0}}"));
    CHECK_SAME(ONE("{\"add\":{\"path\":\"a\",\"size\":12,\"rows\":0,\"least\":\"2025-11-14T02:00:"
                   "00Z\",\"greatest\":\"2025-11-14T02:00:00.000001Z\"}}"));
    CHECK_SAME(ONE("{\"remove\":{\"path\":\"a/b\"}}"));
    CHECK_SAME(ONE("{\"rewrite\":true}"));
}

static void members_may_be_added_and_stand_in_any_order(void) {
    CHECK_AGAIN(ONE("{\"x\":[1],\"add\":{\"why\":{},\"size\":1,\"path\":\"\\u0061\"}}"),
        ONE("{\"add\":{\"path\":\"a\",\"size\":1}}"));
}

static void what_is_damaged_is_told(void) {
    CHECK_AGAIN("", DAMAGED "it is cut off");
    CHECK_AGAIN("{\"log\":1}\n", DAMAGED "it is cut off");
    CHECK_AGAIN("{\"log\":1}\n{\"end\":1}\n", DAMAGED "its last line counts other lines");
    CHECK_AGAIN(ONE("{\"remove\":{\"path\":\"a\"}}") "{\"rewrite\":true}\n",
        DAMAGED "lines stand behind its end");
    CHECK_AGAIN("{\"remove\":{\"path\":\"a\"}}\n", DAMAGED "its first line is not {\"log\":1}");
    CHECK_AGAIN(
        "{\"log\":2}\n", "74: the commit log is of version 2, and this tool knows version 1");
    CHECK_AGAIN(ONE("{}"), DAMAGED "a line of an unknown kind");
    CHECK_AGAIN(ONE("{\"rewrite\":false}"), DAMAGED "a line of an unknown kind");
    CHECK_AGAIN(ONE("{\"add\":{\"path\":\"a\"}}"), DAMAGED "the size, rows or times of a file");
    CHECK_AGAIN(
        ONE("{\"add\":{\"size\":-1,\"path\":\"a\"}}"), DAMAGED "the size, rows or times of a file");
    CHECK_AGAIN(ONE("{\"add\":{\"size\":1}}"), DAMAGED "a file has no path");
    CHECK_AGAIN(ONE("{\"txn\":{\"sink\":\"a\"}}"), DAMAGED "a txn is not understood");
    CHECK_AGAIN(ONE("{\"txn\":{\"sink\":\"a\",\"run\":\"0\",\"uuid\":\"u\"}}"),
        DAMAGED "a txn is not understood");
    CHECK_AGAIN(ONE("{\"remove\":{\"path\":\"a\"}"), DAMAGED "ends where ',' or '}' was expected");
}

static void no_path_leads_out_of_the_folder(void) {
    static const char *const bad[] = {
        "", "/a", "../a", "a/../b", "a/./b", "_log/x", "a/_tmp/x", "a//b", "a/", ".a", "a\\u0000b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[100];
        snprintf(text, sizeof text, ONE("{\"remove\":{\"path\":\"%s\"}}"), bad[i]);
        char *got = again(text);
        CHECK(strncmp(got, DAMAGED, strlen(DAMAGED)) == 0);
        free(got);
    }
}

static void a_name_is_what_stands_behind_the_last_slash(void) {
    CHECK(
        slice_is(log_name_of(slice_of("a/b/c")), "c") && slice_is(log_name_of(slice_of("a")), "a"));
}

int main(void) {
    RUN(lines_come_back_as_they_were);
    RUN(members_may_be_added_and_stand_in_any_order);
    RUN(what_is_damaged_is_told);
    RUN(no_path_leads_out_of_the_folder);
    RUN(a_name_is_what_stands_behind_the_last_slash);
    return check_done();
}
