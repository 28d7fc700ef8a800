#include "sink/appended.h"

#include "common.h"
#include "state/members.h"

static int here = -1;

static struct appended *start(const char *dest, const struct json_t *saved) {
    struct appended *a = appended_open(dest, false, here, &e);
    if (a && saved && !appended_restore(a, saved, &e)) {
        appended_close(a);
        return NULL;
    }
    return a;
}

static bool epoch(struct appended *a, const char *text) {
    buf_adds(appended_out(a), text);
    return appended_drain(a, &e) && appended_publish(a, &e);
}

/* A run of its own that publishes an epoch and ends; what it saved. */
static struct json_t *run(const char *dest, struct json_t *saved, const char *text) {
    struct appended *a = start(dest, saved);
    CHECK(a != NULL);
    if (!a) return saved;
    CHECK(epoch(a, text));
    struct json_t *now = appended_save(a);
    appended_close(a);
    members_free(saved);
    return now;
}

static void write_text(const char *name, const char *text) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void append_bytes(const char *name, const char *p, size_t n) {
    int fd = open(name, O_WRONLY | O_APPEND);
    CHECK(write(fd, p, n) == (ssize_t)n);
    close(fd);
}

static uint64_t inode_of(const char *name) {
    struct stat st;
    return stat(name, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* Is it refused as a file that this checkpoint has not written? */
static bool refused(const char *dest, const struct json_t *saved, const char *how) {
    struct appended *a = start(dest, saved);
    bool ok = !a && e.code == EXIT_CONFIG && strstr(e.text, how);
    if (!ok) fprintf(stderr, "%s: %s\n", dest, a ? "was opened" : e.text);
    appended_close(a);
    return ok;
}

static void the_first_epoch_replaces_and_others_are_appended(void) {
    write_text("a", "old\n");
    uint64_t old = inode_of("a");
    struct appended *a = start("a", NULL);
    CHECK(appended_is_file(a) && epoch(a, "1\n") && holds("a", "1\n"));
    uint64_t new = inode_of("a");
    CHECK(new != old);
    CHECK(epoch(a, "22\n") && holds("a", "1\n22\n") && inode_of("a") == new);
    CHECK(epoch(a, "333\n") && holds("a", "1\n22\n333\n") && appended_bytes(a) == 9);
    CHECK(appended_finish(a, &e));
    appended_close(a);
    CHECK(inode_of("a") == new &&holds("a", "1\n22\n333\n"));
}

static void what_is_not_published_is_not_there(void) {
    struct appended *a = start("b", NULL);
    buf_adds(appended_out(a), "1\n");
    CHECK(appended_drain(a, &e) && !exists("b"));
    CHECK(appended_drop(a, &e) && epoch(a, "2\n") && holds("b", "2\n"));
    buf_adds(appended_out(a), "3\n");
    CHECK(appended_drain(a, &e) && holds("b", "2\n"));
    appended_close(a);
    CHECK(holds("b", "2\n") && !exists(".b.tmp"));
    /* Of an epoch that is dropped nothing counts as written. */
    a = start("b2", NULL);
    buf_adds(appended_out(a), "dropped\n");
    CHECK(appended_drop(a, &e) && appended_bytes(a) == 0 && !exists("b2"));
    appended_close(a);
}

static void a_later_run_goes_on(void) {
    struct json_t *saved = NULL;
    for (int i = 0; i < 5; i++) saved = run("c", saved, "line\n");
    CHECK(holds("c", "line\nline\nline\nline\nline\n"));
    members_free(saved);
}

static void the_beginning_of_what_comes_is_completed(void) {
    static const char *const there[] = {"", "s", "second", "second\n"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        struct json_t *saved = run("d", NULL, "first\n");
        uint64_t inode = inode_of("d");
        append_bytes("d", there[i], strlen(there[i]));
        saved = run("d", saved, "second\n");
        CHECK(holds("d", "first\nsecond\n") && inode_of("d") == inode);
        members_free(saved);
    }
}

/* Also of an epoch that was published whole and half of the next: each brings its own part. */
static void several_epochs_come_again(void) {
    struct json_t *saved = run("d3", NULL, "1\n");
    append_bytes("d3", "2\n3", 3);
    struct appended *a = start("d3", saved);
    CHECK(epoch(a, "2\n") && holds("d3", "1\n2\n3") && epoch(a, "3\n") && holds("d3", "1\n2\n3\n"));
    CHECK(appended_finish(a, &e));
    appended_close(a);
    members_free(saved);
}

static void foreign_bytes_are_refused_and_stay(void) {
    static const char *const there[] = {"x", "second\nthird", "secomd\n", "seconx"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        struct json_t *saved = run("f", NULL, "first\n");
        append_bytes("f", there[i], strlen(there[i]));
        char *before = content("f");
        struct appended *a = start("f", saved);
        bool published = epoch(a, "second\n");
        /* What stands behind the epoch is only known to be foreign when no epoch follows. */
        CHECK(published == (strncmp(there[i], "second\n", 7) == 0));
        CHECK(!published || !appended_finish(a, &e));
        CHECK(e.code == EXIT_CONFIG && strstr(e.text, "holds something else behind what was"));
        CHECK(holds("f", before));
        appended_close(a);
        free(before);
        members_free(saved);
    }
}

/* Nothing is written where a part far behind does not agree. */
static void a_difference_far_behind_is_found_first(void) {
    enum { LONG = 600000 };
    struct json_t *saved = run("f2", NULL, "first\n");
    char *text = mem_zero(1, LONG + 1);
    memset(text, 'x', LONG);
    text[LONG - 10] = 'y';
    append_bytes("f2", "\0\0\0", 3);
    append_bytes("f2", text, LONG - 5);
    struct appended *a = start("f2", saved);
    memset(text, 'x', LONG);
    CHECK(!epoch(a, text) && e.code == EXIT_CONFIG);
    appended_close(a);
    CHECK(shell("test \"$(head -c 9 f2 | od -An -tx1 | tr -d ' ')\" = 66697273740a000000"));
    free(text);
    members_free(saved);
}

static void zeros_count_as_not_written(void) {
    static const struct {
        const char *bytes;
        size_t n;
    } there[] = {
        {"\0\0\0", 3}, {"se\0\0nd\n", 7}, {"\0\0\0\0\0\0\0\0\0\0\0\0", 12}, {"second\n\0\0", 9}};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        struct json_t *saved = run("z", NULL, "first\n");
        append_bytes("z", there[i].bytes, there[i].n);
        struct appended *a = start("z", saved);
        CHECK(epoch(a, "second\n") && appended_finish(a, &e));
        CHECK(holds("z", "first\nsecond\n"));
        CHECK(shell("test $(wc -c <z) = 13"));
        appended_close(a);
        members_free(saved);
    }
    /* But not before the recorded end. */
    struct json_t *saved = run("z2", NULL, "first\n");
    CHECK(truncate("z2", 3) == 0 && truncate("z2", 6) == 0);
    CHECK(refused("z2", saved, "z2: was changed"));
    members_free(saved);
}

static void another_file_is_refused(void) {
    struct json_t *saved = run("o", NULL, "first\n");
    write_text("o", "firs");
    CHECK(refused("o", saved, "o: is shorter than it was") && holds("o", "firs"));
    write_text("o", "fIrst\nsecond\n");
    CHECK(refused("o", saved, "o: was changed") && holds("o", "fIrst\nsecond\n"));
    CHECK(unlink("o") == 0 && refused("o", saved, "o: is gone") && !exists("o"));
    CHECK(refused("o2", saved, "o2: this checkpoint has written into"));
    members_free(saved);
    /* While a run goes on, too. */
    struct appended *a = start("o", NULL);
    CHECK(epoch(a, "first\n"));
    CHECK(truncate("o", 3) == 0 && !epoch(a, "second\n") && e.code == EXIT_CONFIG);
    CHECK(holds("o", "fir"));
    CHECK(unlink("o") == 0 && !epoch(a, "") && e.code == EXIT_CONFIG);
    CHECK(!appended_finish(a, &e) && e.code == EXIT_CONFIG);
    appended_close(a);
}

/* The tail that is compared is 64 KiB long: a change before that is not seen, one within is. */
static void the_tail_is_compared(void) {
    enum { LONG = 200000 };
    char *text = mem_zero(1, LONG + 1);
    memset(text, 'x', LONG);
    struct json_t *saved = run("t", NULL, text);
    for (int at = LONG - 1; at > LONG - (64 << 10); at -= 9999) {
        int fd = open("t", O_WRONLY);
        CHECK(pwrite(fd, "y", 1, at) == 1 && refused("t", saved, "was changed"));
        CHECK(pwrite(fd, "x", 1, at) == 1);
        close(fd);
    }
    saved = run("t", saved, "z");
    members_free(saved);
    free(text);
}

static void a_copy_is_cut_back(void) {
    struct json_t *saved = run("p", NULL, "first\n");
    append_bytes("p", "foreign", 7);
    CHECK(shell("cp -a p copy && mv copy p"));
    struct appended *a = start("p", saved);
    CHECK(a && holds("p", "first\n"));
    CHECK(epoch(a, "second\n") && holds("p", "first\nsecond\n"));
    /* From here on it is the file that is known. */
    struct json_t *now = appended_save(a);
    appended_close(a);
    append_bytes("p", "foreign", 7);
    a = start("p", now);
    CHECK(a && !epoch(a, "third\n") && holds("p", "first\nsecond\nforeign"));
    appended_close(a);
    members_free(now);
    /* One that has less than was recorded, or something else, is none. */
    CHECK(shell("head -c 3 p >copy && mv copy p"));
    CHECK(refused("p", saved, "is shorter than it was"));
    CHECK(shell("echo fIrst >copy && mv copy p"));
    CHECK(refused("p", saved, "was changed"));
    members_free(saved);
}

static void an_empty_epoch_adds_nothing(void) {
    struct appended *a = start("e", NULL);
    /* The first makes the file: it exists from then on. */
    CHECK(epoch(a, "") && holds("e", ""));
    CHECK(epoch(a, "") && epoch(a, "1\n") && epoch(a, "") && holds("e", "1\n"));
    struct json_t *saved = appended_save(a);
    appended_close(a);
    saved = run("e", saved, "");
    saved = run("e", saved, "2\n");
    CHECK(holds("e", "1\n2\n"));
    members_free(saved);
}

static void an_empty_first_epoch_empties_what_was_there(void) {
    write_text("e2", "old\n");
    struct json_t *saved = run("e2", NULL, "");
    CHECK(holds("e2", ""));
    saved = run("e2", saved, "1\n");
    CHECK(holds("e2", "1\n"));
    members_free(saved);
}

static void a_gzip_has_a_member_for_each_epoch(void) {
    struct json_t *saved = NULL;
    const char *texts[] = {"first\n", "", "second\n", ""};
    for (int i = 0; i < 4; i++) {
        struct appended *a = appended_open("g.gz", true, here, &e);
        CHECK(a && (!saved || appended_restore(a, saved, &e)) && epoch(a, texts[i]));
        members_free(saved);
        saved = appended_save(a);
        appended_close(a);
    }
    CHECK(shell("test \"$(zcat g.gz | tr '\\n' ' ')\" = 'first second '"));
    /* One that was cut off is completed, and is the same as the one that was not. */
    CHECK(shell("cp g.gz whole.gz"));
    struct appended *a = appended_open("g.gz", true, here, &e);
    CHECK(appended_restore(a, saved, &e) && epoch(a, "third\n"));
    appended_close(a);
    CHECK(
        shell("cp g.gz all.gz && head -c -5 g.gz >part && cat part >g.gz && ! gzip -qt g.gz 2>&-"));
    a = appended_open("g.gz", true, here, &e);
    CHECK(appended_restore(a, saved, &e) && epoch(a, "third\n") && appended_finish(a, &e));
    appended_close(a);
    CHECK(shell("cmp g.gz all.gz"));
    members_free(saved);
}

static void an_empty_gzip_is_one(void) {
    struct appended *a = appended_open("g2.gz", true, here, &e);
    CHECK(a && epoch(a, ""));
    appended_close(a);
    CHECK(shell("gzip -t g2.gz && test -z \"$(zcat g2.gz)\""));
}

/* A run that died before its first epoch was recorded has published it perhaps. */
static void the_first_epoch_comes_again(void) {
    struct appended *a = start("r", NULL);
    CHECK(epoch(a, "first\n") && epoch(a, "second\n"));
    appended_close(a);
    a = start("r", NULL);
    CHECK(holds("r", "first\nsecond\n"));
    CHECK(epoch(a, "first\n") && epoch(a, "second\n") && holds("r", "first\nsecond\n"));
    appended_close(a);
}

static void there_is_one_writer(void) {
    struct appended *a = start("w", NULL);
    CHECK(!start("w", NULL) && e.code == EXIT_NO_OUTPUT);
    CHECK(epoch(a, "1\n"));
    /* It holds the name still. */
    CHECK(!start("w", NULL) && e.code == EXIT_NO_OUTPUT);
    CHECK(epoch(a, "2\n") && holds("w", "1\n2\n"));
    appended_close(a);
    a = start("w", NULL);
    CHECK(a != NULL);
    appended_close(a);
}

static void a_fifo_gets_each_epoch(void) {
    CHECK(mkfifo("fifo", 0666) == 0);
    pid_t reader = fork();
    if (reader == 0) _exit(shell("cat fifo >from-fifo") ? 0 : 1);
    struct appended *a = start("fifo", NULL);
    CHECK(a && !appended_is_file(a) && epoch(a, "1\n") && epoch(a, "2\n"));
    CHECK(appended_finish(a, &e));
    appended_close(a);
    CHECK(waitpid(reader, NULL, 0) == reader && holds("from-fifo", "1\n2\n"));
}

static void what_failed_is_kept(void) {
    struct json_t *saved = run("x", NULL, "first\n");
    struct appended *a = start("x", saved);
    appended_fail(a);
    CHECK(!exists("x.failed"));
    buf_adds(appended_out(a), "open\n");
    appended_fail(a);
    appended_close(a);
    CHECK(holds("x", "first\n") && holds("x.failed", "open\n"));
    members_free(saved);
}

static void a_place_that_is_none_is_refused(void) {
    CHECK(!start("none/x", NULL) && e.code == EXIT_NO_OUTPUT);
}

int main(void) {
    char scratch[] = "/tmp/evsink-appended.XXXXXX";
    scratch_enter(scratch);
    here = open(".", O_RDONLY | O_DIRECTORY);
    RUN(the_first_epoch_replaces_and_others_are_appended);
    RUN(what_is_not_published_is_not_there);
    RUN(a_later_run_goes_on);
    RUN(the_beginning_of_what_comes_is_completed);
    RUN(several_epochs_come_again);
    RUN(foreign_bytes_are_refused_and_stay);
    RUN(a_difference_far_behind_is_found_first);
    RUN(zeros_count_as_not_written);
    RUN(another_file_is_refused);
    RUN(the_tail_is_compared);
    RUN(a_copy_is_cut_back);
    RUN(an_empty_epoch_adds_nothing);
    RUN(an_empty_first_epoch_empties_what_was_there);
    RUN(a_gzip_has_a_member_for_each_epoch);
    RUN(an_empty_gzip_is_one);
    RUN(the_first_epoch_comes_again);
    RUN(there_is_one_writer);
    RUN(a_fifo_gets_each_epoch);
    RUN(what_failed_is_kept);
    RUN(a_place_that_is_none_is_refused);
    close(here);
    scratch_leave(scratch);
    return check_done();
}
