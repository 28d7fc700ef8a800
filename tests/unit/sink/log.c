/* The folder sink's commit log: epochs, reruns, deaths at each step, two writers, what came before there was a log. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>

#include "base/crash.h"
#include "common.h"
#include "sink/folder.h"

static void start_anew(void) { CHECK(shell("rm -rf f")); }

static struct sink *open_as(const char *id, const char *run) {
    return sink_open("f/", &(struct sink_options){.id = id, .run = run}, &e);
}

static bool put_and_commit(struct sink *s, const char *text, const struct txn *t) {
    return s && put_text(s, text) && s->commit(s, t, &e);
}

/* A whole run without a checkpoint. */
static bool publish(const char *id, const char *run, const char *text) {
    struct sink *s = open_as(id, run);
    bool ok = put_and_commit(s, text, NULL);
    if (s) s->close(s);
    if (!ok) fprintf(stderr, "%s\n", e.text);
    return ok;
}

static struct txn epoch_of(const char *pipeline, const char *uuid, uint64_t epoch) {
    return (struct txn){.pipeline = pipeline, .uuid = uuid, .sink = "evsink", .epoch = epoch};
}

/* ---- what a reader of the log sees ---- */

struct live {
    struct names added, removed;
};

static bool visit(void *ctx, const struct log_line *l, struct err *why) {
    struct live *live = ctx;
    (void)why;
    if (l->kind == LOG_ADD) names_add(&live->added, l->path);
    if (l->kind == LOG_REMOVE) names_add(&live->removed, l->path);
    return true;
}

static bool read_live(struct names *out) {
    struct live live = {0};
    int fd = open("f", O_RDONLY | O_DIRECTORY);
    bool ok = log_each(fd, UINT64_MAX, visit, &live, NULL, &e);
    if (!ok) fprintf(stderr, "%s\n", e.text);
    close(fd);
    names_sort(&live.removed);
    names_without(&live.added, &live.removed);
    names_free(&live.removed);
    names_sort(&live.added);
    *out = live.added;
    return ok;
}

/* The content of a file wherever it stands; NULL: nowhere. */
static char *content_of(const char *path) {
    struct buf other = {0};
    buf_printf(&other, "f/%s%c", path, 0);
    char *text = content(other.p);
    static const char *const places[] = {"_tmp", "_old"};
    for (size_t i = 0; !text && i < 2; i++) {
        other.n = 0;
        buf_printf(&other, "f/%s/%s%c", places[i], log_name_of(slice_of(path)).p, 0);
        text = content(other.p);
    }
    buf_free(&other);
    return text;
}

/* The rows of all live files, in the order of their paths, without newlines. */
static char *rows(void) {
    struct names live;
    struct buf out = {0};
    if (!read_live(&live)) return mem_str(slice_of("damaged"));
    for (size_t i = 0; i < live.n; i++) {
        char *text = content_of(live.all[i]);
        buf_adds(&out, text ? text : "lost ");
        free(text);
    }
    names_free(&live);
    for (size_t i = 0; i < out.n; i++)
        if (out.p[i] == '\n') out.p[i] = ' ';
    buf_addc(&out, 0);
    return out.p;
}

#define CHECK_ROWS(want)                                                                           \
    do {                                                                                           \
        char *rows__ = rows();                                                                     \
        CHECK_STR(rows__, want);                                                                   \
        free(rows__);                                                                              \
    } while (0)

/* Does a glob see live files only, and all of them where `all`? */
static bool glob_agrees(bool all) {
    struct names live, seen = {0};
    bool ok = read_live(&live);
    DIR *d = opendir("f");
    for (struct dirent *x; (x = readdir(d));)
        if (x->d_name[0] != '.' && x->d_name[0] != '_') names_add(&seen, slice_of(x->d_name));
    closedir(d);
    names_sort(&seen);
    /* What a commit removes may still be seen until it is finished, but that was committed too. */
    for (size_t i = 0; all && i < seen.n; i++) ok = ok && names_has(&live, slice_of(seen.all[i]));
    for (size_t i = 0; all && i < live.n; i++) ok = ok && names_has(&seen, slice_of(live.all[i]));
    names_free(&live);
    names_free(&seen);
    return ok;
}

/* ---- runs and epochs ---- */

static void the_log_says_what_was_published(void) {
    start_anew();
    struct sink *s = open_as(NULL, "2025-11-14");
    struct event ev = {.text = slice_of("{}"), .time = 0};
    CHECK(s->put(s, &ev, &e));
    ev.time = 1500000;
    CHECK(s->put(s, &ev, &e) && s->commit(s, NULL, &e) && s->files == 1);
    s->close(s);
    CHECK(holds("f/_log/00000000000000000001.ndjson",
        "{\"log\":1}\n{\"txn\":{\"sink\":\"evsink\",\"run\":\"2025-11-14\"}}\n"
        "{\"add\":{\"path\":\"evsink-2025-11-14-0.ndjson\",\"size\":6,\"rows\":2,"
        "\"least\":\"1970-01-01T00:00:00Z\",\"greatest\":\"1970-01-01T00:00:01.500000Z\"}}\n"
        "{\"end\":2}\n"));
    CHECK(publish(NULL, "2025-11-14", "{\"n\":2}"));
    CHECK(holds("f/_log/00000000000000000002.ndjson",
        "{\"log\":1}\n{\"txn\":{\"sink\":\"evsink\",\"run\":\"2025-11-14\",\"rerun\":1}}\n"
        "{\"add\":{\"path\":\"evsink-2025-11-14.1-0.ndjson\",\"size\":8,\"rows\":1}}\n"
        "{\"remove\":{\"path\":\"evsink-2025-11-14-0.ndjson\"}}\n{\"end\":3}\n"));
    CHECK_ROWS("{\"n\":2} ");
    CHECK(exists("f/_old/evsink-2025-11-14-0.ndjson"));
}

static void a_run_of_nothing_removes_and_is_counted(void) {
    start_anew();
    CHECK(publish(NULL, NULL, "{}"));
    struct sink *s = open_as(NULL, NULL);
    CHECK(s && s->commit(s, NULL, &e));
    s->close(s);
    CHECK_ROWS("");
    CHECK(publish(NULL, NULL, "{\"n\":3}") && exists("f/evsink-0.2-0.ndjson"));
}

static void epochs_add_and_are_recorded(void) {
    start_anew();
    struct sink *s = open_as(NULL, NULL);
    struct txn found, one = epoch_of("p", "u1", 7), two = epoch_of("p", "u1", 8);
    CHECK(s->recorded(s, &one, &found, &e) && found.epoch == 0);
    CHECK(put_and_commit(s, "{\"n\":7}", &one) && put_and_commit(s, "{\"n\":8}", &two));
    struct txn three = epoch_of("p", "u1", 9);
    CHECK(s->commit(s, &three, &e) && s->files == 2); /* without a row: recorded all the same */
    CHECK(s->recorded(s, &one, &found, &e) && found.epoch == 9 && !strcmp(found.uuid, "u1"));
    s->close(s);
    CHECK(exists("f/evsink-0-7-0.ndjson") && exists("f/evsink-0-8-0.ndjson"));
    s = open_as(NULL, NULL);
    CHECK(s->recorded(s, &one, &found, &e) && found.epoch == 9 && found.generation == 0);
    struct txn other = epoch_of("q", "u1", 1);
    CHECK(s->recorded(s, &other, &found, &e) && found.epoch == 0);
    /* Already there: dropped. */
    CHECK(put_and_commit(s, "{\"twice\":1}", &two));
    three.plan = 1;
    three.epoch = 10;
    CHECK(s->commit(s, &three, &e) && s->recorded(s, &one, &found, &e) && found.epoch == 10);
    three.plan = 2;
    CHECK(!put_and_commit(s, "{\"other\":1}", &three) && e.code == EXIT_CONFIG);
    s->close(s);
    CHECK_ROWS("{\"n\":7} {\"n\":8} ");
    CHECK(shell("test -z \"$(ls f/_tmp | grep -v lock)\""));
}

static void names_are_never_used_twice(void) {
    start_anew();
    struct txn epoch = epoch_of("p", "u1", 7), raised = epoch, other = epoch_of("q", "u2", 7);
    raised.generation = 1;
    struct sink *s = open_as(NULL, NULL);
    CHECK(put_and_commit(s, "{\"n\":1}", &epoch) && put_and_commit(s, "{\"n\":2}", &raised) &&
          put_and_commit(s, "{\"n\":3}", &other));
    epoch.epoch = 8, epoch.generation = 1;
    CHECK(put_and_commit(s, "{\"n\":4}", &epoch));
    s->close(s);
    CHECK(exists("f/evsink-0-7-0.ndjson") && exists("f/evsink-0.1-7-0.ndjson") &&
          exists("f/evsink-0.2-7-0.ndjson") && exists("f/evsink-0.1-8-0.ndjson"));
    /* A plain run's first file might be called as one of epoch 7. */
    CHECK(publish(NULL, "0-7", "{\"n\":5}") && exists("f/evsink-0-7.3-0.ndjson"));
    CHECK(publish(NULL, "0-", "{\"n\":6}") && exists("f/evsink-0--0.ndjson"));
    /* Of a day and its month neither gets a number. */
    CHECK(publish("m", "2025-11", "{}") && publish("m", "2025-11-14", "{}"));
    CHECK(exists("f/m-2025-11-0.ndjson") && exists("f/m-2025-11-14-0.ndjson"));
    /* Nothing of epochs is removed by a plain run. */
    CHECK(publish(NULL, NULL, "{\"n\":9}"));
    CHECK_ROWS("{\"n\":6} {\"n\":1} {\"n\":5} {\"n\":2} {\"n\":4} {\"n\":3} {\"n\":9} {} {} ");
}

/* ---- deaths ---- */

static const char *const points[] = {"spooled", "log-written", "log-linked", "log-synced",
    "file-named", "files-named", "files-retired", "folder-synced"};
enum { POINTS = sizeof points / sizeof *points, BEFORE_RECORD = 2 };

/* Runs what is given in a child that dies at the point. */
static bool dies_at(const char *point, uint64_t epoch, void (*run)(void)) {
    char at[100];
    snprintf(at, sizeof at, "evsink:%s:%d", point, (int)epoch);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("EV_CRASH_AT", at, 1);
        crash_stage("evsink");
        run();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    bool died = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!died) fprintf(stderr, "%s was survived\n", at);
    return died;
}

static void rerun_three(void) {
    const struct sink_options o = {
        .partition = "{c}", .scanner = json_scanner_new(10), .id = "evsink"};
    struct sink *s = sink_open("f/", &o, &e);
    for (int i = 0; s && i < 3; i++) {
        char text[40];
        struct json_field fields[4];
        struct event ev = {
            .text = {text, (size_t)sprintf(text, "{\"c\":%d,\"v\":2}", i)}, .fields = fields};
        (void)json_scan(o.scanner, ev.text, ev.text.p + ev.text.n, fields, &e);
        (void)s->put(s, &ev, &e);
    }
    if (s) (void)s->commit(s, NULL, &e);
    if (s) s->close(s);
    json_scanner_free(o.scanner);
}

static void a_rerun_that_dies_is_whole_or_nothing(void) {
    for (size_t i = 0; i < POINTS; i++)
        for (int opener = 0; opener < (i < BEFORE_RECORD ? 1 : 2); opener++) {
            start_anew();
            CHECK(publish("other", NULL, "{\"o\":0}"));
            rerun_three();
            CHECK(shell("sed -i s/:2}/:1}/ f/[0-2]/*"));
            CHECK(dies_at(points[i], 0, rerun_three));
            const char *want =
                i < BEFORE_RECORD
                    ? "{\"c\":0,\"v\":1} {\"c\":1,\"v\":1} {\"c\":2,\"v\":1} {\"o\":0} "
                    : "{\"c\":0,\"v\":2} {\"c\":1,\"v\":2} {\"c\":2,\"v\":2} {\"o\":0} ";
            CHECK_ROWS(want);
            if (i < BEFORE_RECORD)
                CHECK(shell("cat f/[0-2]/* | grep -q '\"v\":1' && ! grep -q 2} f/[0-2]/*"));
            /* Whoever opens next finishes it, be it another id. */
            struct sink *s = open_as(opener ? "third" : "evsink", NULL);
            CHECK(s != NULL);
            s->close(s);
            CHECK_ROWS(want);
            CHECK(shell(i < BEFORE_RECORD ? "test $(grep -l '\"v\":1' f/[0-2]/* | wc -l) = 3"
                                          : "test $(grep -l '\"v\":2' f/[0-2]/* | wc -l) = 3"));
            CHECK(shell("test $(ls f/[0-2]/* | wc -l) = 3"));
            CHECK(opener || shell("test \"$(ls f/_tmp)\" = 'evsink.lock\nother.lock'"));
            s = open_as("evsink", "later");
            CHECK(s && shell("test -z \"$(ls f/_tmp | grep -v lock)\""));
            s->close(s);
        }
}

static void epoch_two(void) {
    struct sink *s = open_as(NULL, NULL);
    struct txn t = epoch_of("p", "u", 2);
    (void)put_and_commit(s, "{\"n\":2}", &t);
    _exit(0);
}

static void an_epoch_that_dies_is_published_once(void) {
    for (size_t i = 0; i < POINTS; i++) {
        start_anew();
        struct txn one = epoch_of("p", "u", 1), two = epoch_of("p", "u", 2), found;
        struct sink *s = open_as(NULL, NULL);
        CHECK(put_and_commit(s, "{\"n\":1}", &one));
        s->close(s);
        CHECK(dies_at(points[i], 2, epoch_two));
        CHECK_ROWS(i < BEFORE_RECORD ? "{\"n\":1} " : "{\"n\":1} {\"n\":2} ");
        CHECK(glob_agrees(false));
        s = open_as(NULL, NULL);
        CHECK(s && s->recorded(s, &one, &found, &e));
        CHECK(found.epoch == (i < BEFORE_RECORD ? 1 : 2));
        CHECK(glob_agrees(true));
        CHECK(put_and_commit(s, "{\"n\":2}", &two));
        s->close(s);
        CHECK_ROWS("{\"n\":1} {\"n\":2} ");
        CHECK(exists("f/evsink-0-1-0.ndjson") && exists("f/evsink-0-2-0.ndjson") &&
              glob_agrees(true));
    }
}

/* ---- others ---- */

static void a_second_writer_takes_the_next_number(void) {
    start_anew();
    struct sink *a = open_as("a", NULL), *b = open_as("b", NULL);
    struct txn t = {.pipeline = "p", .uuid = "u", .sink = "a", .epoch = 1}, u = t;
    u.sink = "b";
    for (; t.epoch <= 5; t.epoch++, u.epoch++) {
        CHECK(put_and_commit(a, "{\"a\":1}", &t) && put_and_commit(b, "{\"b\":1}", &u));
    }
    struct txn wrong = t;
    wrong.sink = "c";
    CHECK(!a->commit(a, &wrong, &e) && e.code == EXIT_BUG);
    a->close(a), b->close(b);
    CHECK(exists("f/_log/00000000000000000010.ndjson") && glob_agrees(true));
    CHECK(shell("test $(ls f/_log | wc -l) = 10 && test $(cat f/*.ndjson | wc -l) = 10"));
}

/* Records of epochs without rows, as a long run leaves them; to write each durably would take its time. */
static void add_epochs(uint64_t from, uint64_t to, uint64_t first_record) {
    for (uint64_t epoch = from; epoch <= to; epoch++) {
        char path[100];
        sprintf(path, "f/_log/%020d.ndjson", (int)(first_record + epoch - from));
        FILE *out = fopen(path, "wx");
        fprintf(out,
            "{\"log\":1}\n{\"txn\":{\"sink\":\"evsink\",\"run\":\"0\",\"pipeline\":\"p\","
            "\"uuid\":\"u\",\"generation\":0,\"epoch\":%d}}\n{\"end\":1}\n",
            (int)epoch);
        fclose(out);
    }
}

static void a_summary_stands_for_what_came_before(void) {
    start_anew();
    CHECK(publish("gone", NULL, "{\"gone\":1}") && publish("gone", NULL, "{\"gone\":2}"));
    add_epochs(1, 996, 3);
    struct sink *s = open_as(NULL, NULL);
    struct txn t = epoch_of("p", "u", 998), found;
    CHECK(publish("plain", NULL, "{\"plain\":1}") && publish("plain", NULL, "{\"plain\":2}"));
    CHECK(exists("f/_log/00000000000000001000.summary"));
    CHECK(put_and_commit(s, "{\"last\":1}", &t));
    s->close(s);
    CHECK_ROWS("{\"last\":1} {\"gone\":2} {\"plain\":2} ");
    /* Now only the summary knows. */
    CHECK(shell("cd f/_log && for i in $(seq 1 1000); do rm $(printf %020d $i).ndjson; done"));
    CHECK_ROWS("{\"last\":1} {\"gone\":2} {\"plain\":2} ");
    s = open_as(NULL, NULL);
    CHECK(s && s->recorded(s, &t, &found, &e) && found.epoch == 998);
    t.pipeline = "q";
    CHECK(put_and_commit(s, "{\"q\":1}", &t) && exists("f/evsink-0.1-998-0.ndjson"));
    s->close(s);
    CHECK(publish("plain", NULL, "{\"plain\":3}") && exists("f/plain-0.2-0.ndjson"));
    CHECK_ROWS("{\"last\":1} {\"q\":1} {\"gone\":2} {\"plain\":3} ");
    CHECK(glob_agrees(true));
}

static void what_an_older_evsink_left_is_adopted(void) {
    start_anew();
    CHECK(shell("mkdir -p f/c=1/x f/_tmp f/own/_tmp; cd f; "
                "for n in c=1/x/evsink-0-0.ndjson c=1/a%2Db-2025-11-14-3.csv.gz own/z-0-0.ndjson "
                "c=1/notes.txt c=1/a-1.ndjson c=1/a-b-c.ndjson _tmp/evsink-0-9.ndjson; do "
                "echo '{}' > $n; done"));
    struct sink *s = open_as("b", NULL);
    CHECK(s != NULL);
    s->close(s);
    CHECK(holds("f/_log/00000000000000000001.ndjson",
        "{\"log\":1}\n{\"txn\":{\"sink\":\"a-b\",\"run\":\"2025-11-14\"}}\n"
        "{\"add\":{\"path\":\"c=1/a%2Db-2025-11-14-3.csv.gz\",\"size\":3}}\n"
        "{\"txn\":{\"sink\":\"evsink\",\"run\":\"0\"}}\n"
        "{\"add\":{\"path\":\"c=1/x/evsink-0-0.ndjson\",\"size\":3}}\n{\"end\":4}\n"));
    CHECK(publish(NULL, NULL, "{\"n\":1}"));
    CHECK(!exists("f/c=1/x/evsink-0-0.ndjson") && exists("f/evsink-0.1-0.ndjson"));
    CHECK(exists("f/own/z-0-0.ndjson") && exists("f/c=1/notes.txt"));
}

static void what_was_removed_is_swept_later(void) {
    start_anew();
    CHECK(publish(NULL, NULL, "{}") && publish(NULL, NULL, "{}") && publish("b", NULL, "{}"));
    CHECK(exists("f/_old/evsink-0-0.ndjson"));
    struct sink_options o = {.id = "b", .has_keep_old = true};
    struct sink *s = sink_open("f/", &o, &e);
    CHECK(s && !exists("f/_old/evsink-0-0.ndjson"));
    s->close(s);
}

static void a_damaged_log_is_told(void) {
    start_anew();
    CHECK(publish(NULL, NULL, "{}") && publish(NULL, "1", "{}"));
    CHECK(shell("cp -r f g; sed -i '$d' f/_log/00000000000000000001.ndjson"));
    CHECK(!open_as(NULL, NULL) && e.code == EXIT_IO);
    CHECK_STR(
        e.text, "f/: _log/00000000000000000001.ndjson: the commit log is damaged: it is cut off");
    CHECK(shell("rm f/_log/00000000000000000001.ndjson"));
    CHECK(!open_as(NULL, NULL) && e.code == EXIT_IO);
    CHECK_STR(e.text, "f/: the commit log is damaged: _log/00000000000000000001.ndjson is missing");
    CHECK(shell("rm -r f && mv g f && sed -i s,evsink-0-0,../x-0-0, "
                "f/_log/00000000000000000001.ndjson"));
    CHECK(!open_as(NULL, NULL) && e.code == EXIT_IO);
}

int main(void) {
    char scratch[] = "/tmp/evsink-log.XXXXXX";
    scratch_enter(scratch);
    RUN(the_log_says_what_was_published);
    RUN(a_run_of_nothing_removes_and_is_counted);
    RUN(epochs_add_and_are_recorded);
    RUN(names_are_never_used_twice);
    RUN(a_rerun_that_dies_is_whole_or_nothing);
    RUN(an_epoch_that_dies_is_published_once);
    RUN(a_second_writer_takes_the_next_number);
    RUN(a_summary_stands_for_what_came_before);
    RUN(what_an_older_evsink_left_is_adopted);
    RUN(what_was_removed_is_swept_later);
    RUN(a_damaged_log_is_told);
    scratch_leave(scratch);
    return check_done();
}
