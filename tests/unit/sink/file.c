#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "common.h"

static const struct sink_options plain;

/* Opens, puts n texts, commits. */
static bool publish(
    const char *dest, const struct sink_options *o, const char *const *texts, size_t n) {
    struct sink *s = sink_open(dest, o, &e);
    if (!s) return false;
    bool ok = true;
    for (size_t i = 0; i < n; i++) ok = ok && put_text(s, texts[i]);
    ok = ok && s->commit(s, NULL, &e);
    s->close(s);
    return ok;
}

static bool publish_one(const char *dest, const char *text) {
    return publish(dest, &plain, &text, 1);
}

static bool refused(
    const char *dest, const struct sink_options *o, enum exit_code code, const char *text) {
    struct sink *s = sink_open(dest, o, &e);
    if (s) s->close(s);
    bool as_wanted = !s && e.code == code && strcmp(e.text, text) == 0;
    if (!as_wanted) fprintf(stderr, "%d %s\n", e.code, s ? "was opened" : e.text);
    return as_wanted;
}

static void a_file_is_replaced_at_commit(void) {
    CHECK(publish_one("a", "{\"x\":1}"));
    CHECK(holds("a", "{\"x\":1}\n"));
    struct sink *s = sink_open("a", &plain, &e);
    CHECK(put_text(s, "{}") && s->flush(s, &e));
    CHECK(holds("a", "{\"x\":1}\n") && exists(".a.tmp"));
    CHECK(s->commit(s, NULL, &e) && s->bytes == 3);
    s->close(s);
    CHECK(holds("a", "{}\n") && !exists(".a.tmp"));
}

static void without_commit_nothing_is_left(void) {
    struct sink *s = sink_open("b", &plain, &e);
    CHECK(put_text(s, "{}"));
    s->close(s);
    CHECK(!exists("b") && !exists(".b.tmp"));
}

static void an_empty_file_exists(void) {
    CHECK(publish("c", &plain, NULL, 0) && holds("c", ""));
    CHECK(
        publish("c.gz", &plain, NULL, 0) && shell("gzip -t c.gz && test $(zcat c.gz | wc -c) = 0"));
}

static void gzip_is_the_same_each_time(void) {
    static const struct sink_options packed = {.gzip = true};
    const char *texts[] = {"{\"a\":1}", "{\"a\":2}"};
    CHECK(publish("d1.gz", &plain, texts, 2) && publish("d2", &packed, texts, 2));
    CHECK(shell("cmp d1.gz d2 && test \"$(zcat <d2 | wc -c)\" = 16"));
}

static void suffix_and_format_choose(void) {
    static const struct sink_options tsv = {.format = "tsv"}, odd = {.format = "xml"};
    CHECK(publish_one("e.csv", "{\"a\":1,\"b\":\"x\"}") && holds("e.csv", "a,b\r\n1,x\r\n"));
    const char *text = "{\"a\":1,\"b\":\"x\"}";
    CHECK(publish("e", &tsv, &text, 1) && holds("e", "a\tb\n1\tx\n"));
    CHECK(!sink_open("e2", &odd, &e) && e.code == EXIT_USAGE && !exists("e2"));
}

static void a_bad_event_is_left_out(void) {
    struct sink *s = sink_open("l.csv", &plain, &e);
    CHECK(put_text(s, "{\"a\":1}"));
    CHECK(!put_text(s, "{\"a\":2,\"b\":3}") && e.code == EXIT_BAD_DATA);
    CHECK(put_text(s, "{\"a\":4}") && s->commit(s, NULL, &e));
    s->close(s);
    CHECK(holds("l.csv", "a\r\n1\r\n4\r\n"));
}

static void one_writer_at_a_time(void) {
    struct sink *s = sink_open("f", &plain, &e);
    CHECK(refused("f", &plain, EXIT_NO_OUTPUT, "f: another writer has it"));
    CHECK(put_text(s, "{}") && s->commit(s, NULL, &e));
    s->close(s);
    CHECK(publish_one("f", "{\"n\":2}") && holds("f", "{\"n\":2}\n"));
}

static void a_symbolic_link_stays(void) {
    CHECK(shell("mkdir g && ln -s g/target link && ln -s link link2 && ln -s loop loop"));
    CHECK(publish_one("link2", "{}"));
    CHECK(
        shell("test -L link2 && test -L link && test ! -L g/target") && holds("g/target", "{}\n"));
    CHECK(!sink_open("loop", &plain, &e) && e.code == EXIT_NO_OUTPUT);
}

static mode_t mode_of(const char *name) {
    struct stat st;
    return stat(name, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void modes_are_kept(void) {
    CHECK(publish_one("h", "{}") && mode_of("h") == 0644);
    CHECK(chmod("h", 0440) == 0 && publish_one("h", "{}") && mode_of("h") == 0440);
    umask(077);
    CHECK(publish_one("h2", "{}") && mode_of("h2") == 0600);
    umask(022);
}

static void what_cannot_be_made_is_named(void) {
    CHECK(refused(
        "none/x", &plain, EXIT_NO_OUTPUT, "none/x: cannot create: No such file or directory"));
    CHECK(publish_one("plain", "{}"));
    CHECK(refused("plain/x", &plain, EXIT_NO_OUTPUT, "plain/x: cannot create: Not a directory"));
    CHECK(refused("", &plain, EXIT_USAGE, "the destination has no name; - is standard output"));
    if (geteuid() == 0) return; /* whom permissions do not stop */
    CHECK(mkdir("shut", 0555) == 0);
    CHECK(refused("shut/x", &plain, EXIT_NO_OUTPUT, "shut/x: cannot create: Permission denied"));
}

/* Writes until it fails; e says how. */
static void fill(const char *dest, const struct sink_options *o) {
    struct sink *s = sink_open(dest, o, &e);
    CHECK(s != NULL);
    if (!s) return;
    bool ok = true;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (int i = 0; ok && i < 1000; i++) ok = put_text(s, text);
    CHECK(!ok || !s->commit(s, NULL, &e));
    CHECK(e.code == EXIT_IO);
    s->close(s);
}

static void a_full_disk_is_told(void) {
    fill("/dev/full", &plain);
    CHECK_STR(e.text, "/dev/full: cannot write: No space left on device");
    struct sink *s = sink_open("/dev/full", &plain, &e);
    CHECK(put_text(s, "{}") && !s->flush(s, &e));
    s->close(s);
    CHECK(publish_one("i", "{}"));
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){200000, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    fill("i", &plain);
    CHECK_STR(e.text, "i: cannot write: File too large");
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(holds("i", "{}\n") && !exists(".i.tmp"));
}

static void standard_output_is_written_as_it_is(void) {
    int keep = dup(1), fd = open("out", O_RDWR | O_CREAT, 0666);
    dup2(fd, 1);
    struct sink *s = sink_open("-", &plain, &e);
    CHECK(put_text(s, "{}") && holds("out", "") && s->flush(s, &e) && holds("out", "{}\n"));
    CHECK(put_text(s, "[]") && s->commit(s, NULL, &e) && holds("out", "{}\n[]\n"));
    s->close(s);
    CHECK(publish_one("/dev/stdout", "{\"b\":1}") && holds("out", "{}\n[]\n{\"b\":1}\n"));
    close(1);
    CHECK(refused("-", &plain, EXIT_NO_OUTPUT, "standard output: Bad file descriptor"));
    dup2(keep, 1);
    close(keep), close(fd);
}

static void a_fifo_is_written_as_it_is(void) {
    CHECK(mkfifo("fifo", 0666) == 0);
    if (fork() == 0) _exit(shell("cat fifo >from-fifo") ? 0 : 1);
    CHECK(publish_one("fifo", "{}") && wait(NULL) > 0);
    CHECK(holds("from-fifo", "{}\n") && shell("test -p fifo"));
}

static void a_killed_writer_leaves_its_temporary_file(void) {
    CHECK(publish_one("k", "{\"old\":1}"));
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct sink *s = sink_open("k", &plain, &e);
        char text[5000] = {0};
        memset(text, 'x', sizeof text - 1);
        for (int i = 0; i < 100; i++) put_text(s, text);
        _exit(write(ready[1], "", 1) == 1 ? pause() : 1);
    }
    char c;
    CHECK(read(ready[0], &c, 1) == 1);
    CHECK(refused("k", &plain, EXIT_NO_OUTPUT, "k: another writer has it"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    CHECK(holds("k", "{\"old\":1}\n") && shell("test -s .k.tmp"));
    CHECK(publish_one("k", "{\"new\":1}") && holds("k", "{\"new\":1}\n") && !exists(".k.tmp"));
    close(ready[0]), close(ready[1]);
}

/* Two processes publish two texts of different length as often as they get the lock; a reader must see one or the other. */
static void a_reader_sees_whole_files(void) {
    enum { LINES = 2000, ROUNDS = 100 };
    CHECK(publish_one("r", "{}"));
    pid_t writers[2];
    for (int w = 0; w < 2; w++) {
        if ((writers[w] = fork()) != 0) continue;
        for (int done = 0; done < ROUNDS;) {
            struct sink *s = sink_open("r", &plain, &e);
            if (!s && e.code != EXIT_NO_OUTPUT) _exit(1);
            if (!s) continue;
            for (int i = 0; i < LINES * (w + 1); i++) put_text(s, w ? "{\"a\":1}" : "{\"b\":22}");
            if (!s->commit(s, NULL, &e)) _exit(2);
            s->close(s);
            done++;
        }
        _exit(0);
    }
    int status, bad = 0, left = 2;
    while (left) {
        char *text = content("r");
        size_t n = strlen(text);
        bad += n != 3 && n != LINES * 9 && n != 2 * LINES * 8;
        free(text);
        if (waitpid(-1, &status, WNOHANG) > 0) left--, bad += status != 0;
    }
    CHECK(bad == 0 && !exists(".r.tmp"));
}

static void sides_are_published_and_refuse_folders(void) {
    struct side *s = side_open("late", -1, &e);
    CHECK(s && !exists("late") && side_close(s, &e) && holds("late", ""));
    s = side_open("late", -1, &e);
    CHECK(side_write(s, slice_of("{\"kind\":\"late\"}\n"), &e));
    CHECK(!side_open("late", -1, &e) && e.code == EXIT_NO_OUTPUT);
    CHECK(side_close(s, &e) && holds("late", "{\"kind\":\"late\"}\n"));
    CHECK(!side_open("-", -1, &e) && e.code == EXIT_USAGE);
    CHECK(!side_open(".", -1, &e) && e.code == EXIT_USAGE);
    CHECK_STR(e.text, ".: is a folder; name a file");
    CHECK(!side_open("new/", -1, &e) && e.code == EXIT_USAGE);
    s = side_open("/dev/full", -1, &e);
    CHECK(s && !side_write(s, slice_of("x\n"), &e) && e.code == EXIT_IO);
    CHECK(!side_close(s, &e));
    CHECK(side_close(NULL, &e));
}

static void a_side_keeps_the_lines_that_found_room(void) {
    struct rlimit old, small;
    char line[10001];
    memset(line, 'x', 9999);
    strcpy(line + 9999, "\n");
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){100000, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    struct side *s = side_open("full", -1, &e);
    bool ok = true;
    for (int i = 0; ok && i < 100; i++) ok = side_write(s, slice_of(line), &e);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(!ok && e.code == EXIT_IO);
    CHECK(!side_close(s, &e) && e.code == EXIT_IO && !exists(".full.tmp"));
    CHECK(shell("test $(grep -c '^x*$' full) = 7 && test $(wc -c < full) = 70000"));
}

/* As a signal does that ends the process. */
static void stop(void) { _exit(exists("stopped") ? 1 : 0); }

static void a_signal_before_the_rename_stops_it(void) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        io_hooks.interrupted = stop;
        publish_one("stopped", "{}");
        _exit(2);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0 && !exists("stopped"));
}

int main(void) {
    char scratch[] = "/tmp/evsink-file.XXXXXX";
    scratch_enter(scratch);
    RUN(a_file_is_replaced_at_commit);
    RUN(without_commit_nothing_is_left);
    RUN(an_empty_file_exists);
    RUN(gzip_is_the_same_each_time);
    RUN(suffix_and_format_choose);
    RUN(a_bad_event_is_left_out);
    RUN(one_writer_at_a_time);
    RUN(a_symbolic_link_stays);
    RUN(modes_are_kept);
    RUN(what_cannot_be_made_is_named);
    RUN(a_full_disk_is_told);
    RUN(standard_output_is_written_as_it_is);
    RUN(a_fifo_is_written_as_it_is);
    RUN(a_killed_writer_leaves_its_temporary_file);
    RUN(a_reader_sees_whole_files);
    RUN(a_side_keeps_the_lines_that_found_room);
    RUN(a_signal_before_the_rename_stops_it);
    RUN(sides_are_published_and_refuse_folders);
    scratch_leave(scratch);
    return check_done();
}
