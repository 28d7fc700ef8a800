#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "common.h"

/* Scans and puts each text into s. */
static bool put_scanned(
    struct sink *s, struct json_scanner *scanner, const char *const *texts, size_t n) {
    struct json_field fields[8];
    for (size_t i = 0; i < n; i++) {
        struct event ev = {.text = slice_of(texts[i]), .fields = fields, .time = TIME_NONE};
        if (!json_scan(scanner, ev.text, ev.text.p + ev.text.n, fields, &e)) return false;
        if (!s->put(s, &ev, &e)) return false;
    }
    return true;
}

/* A whole run into the folder f. */
static bool run_into(struct sink_options o, const char *const *texts, size_t n, bool commit) {
    struct json_scanner *scanner = o.scanner = json_scanner_new(100);
    struct sink *s = sink_open("f/", &o, &e);
    bool ok = s && put_scanned(s, scanner, texts, n) && (!commit || s->commit(s, NULL, &e));
    if (s) s->close(s);
    json_scanner_free(scanner);
    return ok;
}

#define TEXTS(...)                                                                                 \
    (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define INTO(options, ...) run_into((struct sink_options)options, TEXTS(__VA_ARGS__), true)
#define BY(template)                                                                               \
    { .partition = template }

static void start_anew(void) { CHECK(shell("rm -rf f")); }

/* The files of f but the lock, the log and what was removed, in order, each followed by a space. */
static bool lists(const char *want) {
    char line[2000];
    snprintf(line, sizeof line,
        "test \"$(cd f && find . -type f ! -path './_tmp/*.lock' ! -path './_log/*' "
        "! -path './_old/*' | LC_ALL=C sort | tr '\\n' ' ')\" "
        "= '%s' || "
        "{ find f -type f >&2; false; }",
        want);
    return shell(line);
}

static void events_go_to_their_partition(void) {
    start_anew();
    CHECK(INTO(BY("city={city}/dt=%Y-%m-%d"),
        "{\"city\":\"a\",\"window_start\":\"2025-11-14T23:59:59Z\"}",
        "{\"city\":2.50,\"window_start\":1763164800}",
        "{\"city\":\"a\",\"window_start\":\"2025-11-14T00:00:00Z\"}"));
    CHECK(lists(
        "./city=2.5/dt=2025-11-15/evsink-0-1.ndjson ./city=a/dt=2025-11-14/evsink-0-0.ndjson "));
    CHECK(shell("test $(wc -l <f/city=a/dt=2025-11-14/evsink-0-0.ndjson) = 2"));
}

static void without_a_partition_there_is_one_file(void) {
    start_anew();
    CHECK(INTO({.id = "x"}, "{}", "{}") && lists("./x-0-0.ndjson "));
    CHECK(run_into((struct sink_options){.id = "x"}, NULL, 0, true) && lists(""));
    struct sink_options csv = {.format = "csv", .gzip = true};
    CHECK(run_into(csv, TEXTS("{\"a\":1}"), true) && lists("./evsink-0-0.csv.gz "));
    CHECK(shell("test \"$(zcat f/evsink-0-0.csv.gz | tr -d '\\r' | tr '\\n' ' ')\" = 'a 1 '"));
    struct sink_options table = {.format = "table"};
    CHECK(!run_into(table, TEXTS("{}"), true) && e.code == EXIT_USAGE);
}

static void no_value_leaves_the_folder(void) {
    start_anew();
    CHECK(INTO(BY("{v}/x={v}"), "{\"v\":\"../../etc\"}", "{\"v\":\"..\"}", "{\"v\":\".\"}",
        "{\"v\":\"\"}", "{\"v\":null}", "{}", "{\"v\":\"_tmp\"}", "{\"v\":\"a\\u0000/b\\n%\"}",
        "{\"v\":true}", "{\"v\":\"\\u00e9\"}"));
    CHECK(lists(
        "./%2E.%2F..%2Fetc/x=..%2F..%2Fetc/evsink-0-0.ndjson ./%2E./x=../evsink-0-1.ndjson "
        "./%2E/x=./evsink-0-2.ndjson "
        "./%5F_HIVE_DEFAULT_PARTITION__/x=__HIVE_DEFAULT_PARTITION__/evsink-0-3.ndjson "
        "./%5Ftmp/x=_tmp/evsink-0-4.ndjson ./%C3%A9/x=%C3%A9/evsink-0-7.ndjson "
        "./a%00%2Fb%0A%25/x=a%00%2Fb%0A%25/evsink-0-5.ndjson ./true/x=true/evsink-0-6.ndjson "));
}

static bool bad_event(const char *template, const char *text, const char *message) {
    start_anew();
    bool done = run_into((struct sink_options){.partition = template}, &text, 1, true);
    bool as_wanted =
        !done && e.code == EXIT_BAD_DATA && strncmp(e.text, message, strlen(message)) == 0;
    if (!as_wanted) fprintf(stderr, "%s: %s\n", template, done ? "was taken" : e.text);
    return as_wanted && lists("");
}

static void bad_values_are_told(void) {
    CHECK(bad_event("{a}", "{\"a\":[1]}", "a: an object or array names no partition"));
    CHECK(bad_event("{a.b}", "{\"a\":{\"b\":{}}}", "a.b: an object or array names no partition"));
    CHECK(bad_event("{a}", "{\"a\":1e99}", "a: "));
    CHECK(bad_event("{a}", "{\"a\":\"\\ud800\"}", "a: "));
    CHECK(bad_event("%Y", "{}", "window_start: missing, and --partition needs its time"));
    CHECK(bad_event("%Y", "{\"window_start\":\"soon\"}", "window_start: not a time: \"soon\""));
    CHECK(bad_event("%Y", "{\"window_start\":null}", "window_start: not a time: \"null\""));
}

static void names_are_limited(void) {
    char text[400] = "{\"a\":\"";
    memset(text + 6, 'x', 256);
    CHECK(bad_event("{a}", strcat(text, "\"}"), "partition name longer than 255 bytes: \"xxx"));
    CHECK(bad_event("y/{a}/z", text, "partition name longer than 255 bytes: \"xxx"));
    strcpy(text + 6 + 255, "\"}");
    CHECK(INTO(BY("{a}"), text));
    struct sink_options o = {.run = text};
    CHECK(!run_into(o, NULL, 0, true) && e.code == EXIT_USAGE);
}

static bool bad_template(const char *template, const char *message) {
    start_anew();
    bool done = run_into((struct sink_options){.partition = template}, NULL, 0, true);
    if (done || strcmp(e.text, message) != 0)
        fprintf(stderr, "%s: %s\n", template, done ? "was taken" : e.text);
    return !done && e.code == EXIT_USAGE && strcmp(e.text, message) == 0 && !exists("f");
}

static void bad_templates_are_told(void) {
    CHECK(bad_template("", "--partition: empty, or ends in '/'"));
    CHECK(bad_template("a/", "--partition: empty, or ends in '/'"));
    CHECK(bad_template(
        "a//b", "--partition: a folder's name is empty or begins with '/', which hides it"));
    CHECK(bad_template(
        "/a", "--partition: a folder's name is empty or begins with '/', which hides it"));
    CHECK(bad_template(
        "a/../b", "--partition: a folder's name is empty or begins with '.', which hides it"));
    CHECK(bad_template(
        "_log", "--partition: a folder's name is empty or begins with '_', which hides it"));
    CHECK(bad_template("{a", "--partition: '{' without '}'"));
    CHECK(bad_template("%T", "--partition: %T is none of %Y %m %d %H %M %S %j %G %V %u %y %%"));
    CHECK(bad_template("x%", "--partition: % is none of %Y %m %d %H %M %S %j %G %V %u %y %%"));
}

static void times_are_written_as_strftime_does(void) {
    start_anew();
    struct sink_options o = {
        .partition = "%Y-%m-%d %H:%M:%S %j %G-%V-%u %y %%{`a}b`}", .partition_time = "t.x"};
    CHECK(run_into(o, TEXTS("{\"t\":{\"x\":\"2027-01-01T02:03:04.9Z\"},\"a}b\":1}"), true));
    CHECK(lists("./2027-01-01 02:03:04 001 2026-53-5 27 %1/evsink-0-0.ndjson "));
    start_anew();
    for (int64_t t = -60000000000; t < 250000000000; t += 86400 * 997 + 3601) {
        char text[64], want[64];
        time_t at = (time_t)t;
        strftime(want, sizeof want, "f/%m %d %H %M %S %j %V %u", gmtime(&at));
        size_t n = (size_t)sprintf(text, "{\"t\":\"");
        n += time_write(text + n, t * SECOND_US);
        strcpy(text + n, "\"}");
        o = (struct sink_options){.partition = "%m %d %H %M %S %j %V %u", .partition_time = "t"};
        CHECK(run_into(o, TEXTS(text), true) && exists(want));
        t += t > 0 ? 86400 * 9973 : 86400 * 5000;
    }
}

static void zones_shift_the_partition(void) {
    start_anew();
    struct zone *z = zone_open("Asia/Kolkata", &e);
    struct sink_options o = {.partition = "dt=%Y-%m-%d/%H", .zone = z};
    CHECK(run_into(o, TEXTS("{\"window_start\":\"2025-11-14T20:00:00Z\"}"), true));
    CHECK(lists("./dt=2025-11-15/01/evsink-0-0.ndjson "));
    zone_close(z);
}

static void a_rerun_replaces_its_own_and_nothing_else(void) {
    start_anew();
    const struct sink_options run = {.partition = "c={c}", .id = "a", .run = "1"};
    struct sink_options other = run, csv = run;
    other.run = "1-2";
    csv.format = "csv";
    CHECK(run_into(run, TEXTS("{\"c\":1}", "{\"c\":2}"), true) &&
          run_into(other, TEXTS("{\"c\":1}"), true));
    other.run = "2025-11-14T00:00+00:00";
    CHECK(run_into(other, TEXTS("{\"c\":1}"), true));
    other = run, other.id = "a-1";
    CHECK(run_into(other, TEXTS("{\"c\":1}"), true));
    CHECK(shell(
        "touch f/c=1/a-1-x.ndjson f/c=1/a-1-.ndjson f/c=1/a-1-7.txt f/a-1-9.tsv.gz f/_tmp/a-0"));
    CHECK(shell("mkdir f/.x f/_x; touch f/.x/a-1-5.ndjson f/_x/a-1-5.ndjson"));
    CHECK(run_into(run, TEXTS("{\"c\":2}", "{\"c\":3}"), true));
    CHECK(lists("./.x/a-1-5.ndjson ./_x/a-1-5.ndjson ./a-1-9.tsv.gz ./c=1/a%2D1-1-0.ndjson "
                "./c=1/a-1-.ndjson "
                "./c=1/a-1-2-0.ndjson ./c=1/a-1-7.txt ./c=1/a-1-x.ndjson "
                "./c=1/a-2025-11-14T00%3A00%2B00%3A00-0.ndjson ./c=2/a-1.1-0.ndjson "
                "./c=3/a-1.1-1.ndjson "));
    CHECK(run_into(csv, TEXTS("{\"c\":3}"), true));
    CHECK(exists("f/c=3/a-1.2-0.csv") && !exists("f/c=3/a-1.1-1.ndjson") &&
          !exists("f/c=2/a-1.1-0.ndjson"));
}

static void without_commit_nothing_changes(void) {
    start_anew();
    CHECK(INTO(BY("{c}"), "{\"c\":1}"));
    CHECK(run_into((struct sink_options)BY("{c}"), TEXTS("{\"c\":2}"), false) &&
          lists("./1/evsink-0-0.ndjson "));
}

static void one_writer_of_an_id(void) {
    start_anew();
    struct sink_options o = {.id = "w"};
    struct sink *s = sink_open("f/", &o, &e);
    CHECK(s && !sink_open("f", &o, &e) && e.code == EXIT_NO_OUTPUT);
    CHECK_STR(e.text, "f: another writer of this id has it; --id names this one");
    o.id = "v";
    struct sink *other = sink_open("f", &o, &e);
    CHECK(other && put_text(other, "{}") && put_text(s, "{}") && s->commit(s, NULL, &e) &&
          other->commit(other, NULL, &e));
    s->close(s), other->close(other);
    CHECK(lists("./v-0-0.ndjson ./w-0-0.ndjson "));
}

static void a_killed_run_is_cleared_by_the_next(void) {
    start_anew();
    CHECK(mkdir("f", 0777) == 0 && mkdir("f/_tmp", 0777) == 0);
    CHECK(close(open("f/_tmp/other-0-0.ndjson", O_CREAT | O_WRONLY, 0666)) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct sink_options o = {.run = "77"};
        struct sink *s = sink_open("f", &o, &e);
        for (int i = 0; i < 300000; i++) put_text(s, "{}");
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    CHECK(lists("./_tmp/evsink-77-0.ndjson ./_tmp/other-0-0.ndjson "));
    CHECK(INTO({0}, "{}") && lists("./_tmp/other-0-0.ndjson ./evsink-0-0.ndjson "));
}

static void thousands_of_partitions_fit(void) {
    enum { PARTITIONS = 3000, ROUNDS = 20 };
    start_anew();
    struct rlimit old, few;
    getrlimit(RLIMIT_NOFILE, &old);
    few = (struct rlimit){64, old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    struct sink_options o = {.partition = "p={p}", .gzip = true, .scanner = json_scanner_new(10)};
    struct sink *s = sink_open("f", &o, &e);
    char text[1100];
    strcpy(text + 1000, "\"}");
    bool ok = s != NULL;
    for (int i = 0; ok && i < PARTITIONS * ROUNDS; i++) {
        int n = sprintf(text, "{\"p\":%d,\"i\":%d,\"x\":\"", i % PARTITIONS, i);
        memset(text + n, 'x', 1000 - (size_t)n);
        const char *one = text;
        ok = put_scanned(s, o.scanner, &one, 1);
    }
    CHECK(ok && s->commit(s, NULL, &e) && s->files == PARTITIONS);
    if (s) s->close(s);
    json_scanner_free(o.scanner);
    setrlimit(RLIMIT_NOFILE, &old);
    CHECK(shell("test $(find f -name 'evsink-0-*.ndjson.gz' | wc -l) = 3000"));
    CHECK(shell("test \"$(zcat f/p=*/*.gz | wc -l)\" = 60000"));
    CHECK(shell("test \"$(zcat f/p=77/*.gz | cut -c 1-12 | tail -1)\" = '{\"p\":77,\"i\":'"));
}

static void what_stands_in_the_way_is_named(void) {
    start_anew();
    CHECK(close(open("f", O_CREAT | O_WRONLY, 0666)) == 0);
    CHECK(!run_into((struct sink_options){.id = "x"}, NULL, 0, true) && e.code == EXIT_NO_OUTPUT);
    start_anew();
    CHECK(mkdir("f", 0777) == 0 && close(open("f/b", O_CREAT | O_WRONLY, 0666)) == 0);
    CHECK(!INTO(BY("{c}"), "{\"c\":\"a\"}", "{\"c\":\"b\"}"));
    CHECK(!exists("f/a/evsink-0-0.ndjson") && shell("test -f f/b"));
    struct sink_options o = {.partition = "x"};
    CHECK(!sink_open("-", &o, &e) && e.code == EXIT_USAGE);
    CHECK(!run_into((struct sink_options){.run = ""}, NULL, 0, true) && e.code == EXIT_USAGE);
}

static void a_full_disk_publishes_nothing(void) {
    start_anew();
    CHECK(INTO({0}, "{\"old\":1}"));
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){5000, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    char text[9000] = "{\"a\":\"";
    memset(text + 6, 'x', 8000);
    strcpy(text + 8000, "\"}");
    CHECK(!INTO({0}, text) && e.code == EXIT_IO);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_STR(e.text, "f/: cannot write: File too large");
    CHECK(lists("./evsink-0-0.ndjson ") && holds("f/evsink-0-0.ndjson", "{\"old\":1}\n"));
}

static int looks, looks_at_published;

static void look(void) {
    looks++;
    looks_at_published += exists("f/1") && shell("test -e f/1/*");
}

static void signals_are_looked_at_until_the_first_rename(void) {
    start_anew();
    io_hooks.interrupted = look;
    CHECK(INTO(BY("{c}"), "{\"c\":1}", "{\"c\":2}"));
    io_hooks.interrupted = NULL;
    /* Before each fsync and each folder, and before the first rename. */
    CHECK(looks >= 5 && looks_at_published == 0);
    CHECK(lists("./1/evsink-0-0.ndjson ./2/evsink-0-1.ndjson "));
}

int main(void) {
    char scratch[] = "/tmp/evsink-folder.XXXXXX";
    scratch_enter(scratch);
    RUN(events_go_to_their_partition);
    RUN(without_a_partition_there_is_one_file);
    RUN(no_value_leaves_the_folder);
    RUN(bad_values_are_told);
    RUN(names_are_limited);
    RUN(bad_templates_are_told);
    RUN(times_are_written_as_strftime_does);
    RUN(zones_shift_the_partition);
    RUN(a_rerun_replaces_its_own_and_nothing_else);
    RUN(without_commit_nothing_changes);
    RUN(one_writer_of_an_id);
    RUN(a_killed_run_is_cleared_by_the_next);
    RUN(thousands_of_partitions_fit);
    RUN(what_stands_in_the_way_is_named);
    RUN(a_full_disk_publishes_nothing);
    RUN(signals_are_looked_at_until_the_first_rename);
    scratch_leave(scratch);
    return check_done();
}
