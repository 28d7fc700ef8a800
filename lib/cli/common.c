/* The options that all tools share, and what is done before the first event is read. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/fields.h"
#include "cli/report.h"
#include "cli/version.h"

struct stage_options stage_options = {
    .max_line = MAX_LINE_DEFAULT, .max_depth = 1024, .trigger = 10 * SECOND_US};
#define TO(member) .to = &stage_options.member

static const struct option time_options[] = {
    {"time", .kind = OPTION_TEXT, .arg = "FIELD", .help = "the field that holds the event time",
        TO(time)},
    {"lateness", .kind = OPTION_DURATION, .arg = "D",
        .help = "how far behind the newest event others may come", TO(lateness),
        .given = &stage_options.has_lateness},
    {"time-format", .kind = OPTION_TEXT, .arg = "F",
        .help = "how times are written: strptime(3), %f", TO(time_format)},
    {"time-unit", .kind = OPTION_TEXT, .arg = "U",
        .help = "of numbers: s ms us ns; guessed otherwise", TO(time_unit), .hint = HINT_WORDS,
        .words = "s ms us ns"},
    {"max-future", .kind = OPTION_DURATION, .arg = "D",
        .help = "a time so far beyond the clock is bad input", TO(max_future),
        .given = &stage_options.has_max_future},
    {"tz", .kind = OPTION_TEXT, .arg = "ZONE", .help = "of times without an offset, and of days",
        TO(tz)},
};

static const struct option event_options[] = {
    {"where", .kind = OPTION_TEXT, .arg = "EXPR", .help = "only events for which this is true",
        TO(where)},
    {"require", .kind = OPTION_LIST, .arg = "A,B", .help = "an event without these is bad input",
        TO(require)},
    {"reject", .kind = OPTION_TEXT, .arg = "DEST",
        .help = "where bad input goes instead of ending the run", TO(reject), .hint = HINT_FILE},
    {"max-reject", .kind = OPTION_TEXT, .arg = "N|P%",
        .help = "more bad input than this ends the run", TO(max_reject)},
    {"allow-missing", .kind = OPTION_FLAG, .help = "a field that no event has is no error",
        TO(allow_missing)},
};

static const struct option input_options[] = {
    {"csv", .kind = OPTION_FLAG, .help = "input is CSV (else by suffix)", TO(csv)},
    {"tsv", .kind = OPTION_FLAG, .help = "input is tab-separated (else by suffix)", TO(tsv)},
    {"json", .kind = OPTION_FLAG, .help = "input is an array, or objects over several lines",
        TO(json)},
    {"header", .kind = OPTION_TEXT, .arg = "A,B",
        .help = "names of CSV columns, where no row has them", TO(header)},
    {"types", .kind = OPTION_TEXT, .arg = "A:T,..", .help = "types of CSV columns: text num bool",
        TO(types)},
    {"max-line", .kind = OPTION_SIZE, .arg = "SIZE", .help = "longest line, 16M", TO(max_line)},
    {"max-depth", .kind = OPTION_COUNT, .arg = "N", .help = "deepest nesting, 1024", TO(max_depth)},
};

static const struct option checkpoint_options[] = {
    {"checkpoint", .kind = OPTION_TEXT, .arg = "DIR",
        .help = "publish each event once, also after a crash", TO(checkpoint), .hint = HINT_FILE},
    {"pipeline", .kind = OPTION_TEXT, .arg = "NAME", .help = "whose it is; the name of that folder",
        TO(pipeline)},
    {"id", .kind = OPTION_TEXT, .arg = "NAME", .help = "of this stage; the name of the tool",
        TO(id)},
    {"trigger", .kind = OPTION_DURATION, .arg = "D", .help = "an epoch ends so often; 10s",
        TO(trigger), .given = &stage_options.has_trigger},
    {"max-per-trigger", .kind = OPTION_COUNT, .arg = "N", .help = "or after so many events",
        TO(max_per_trigger), .given = &stage_options.has_max_per_trigger},
    {"final", .kind = OPTION_FLAG, .help = "the input is complete: close all windows", TO(final)},
    {"journal", .kind = OPTION_FLAG, .help = "standard input brings new events at each start",
        TO(journal)},
    {"reset-state", .kind = OPTION_FLAG, .help = "forget what the checkpoint holds",
        TO(reset_state)},
    {"output", .kind = OPTION_TEXT, .arg = "O", .help = "then keep or replace what DEST holds",
        TO(output), .hint = HINT_WORDS, .words = "keep replace"},
    {"state-limit", .kind = OPTION_SIZE, .arg = "SIZE",
        .help = "more to remember than this ends the run", TO(state_limit),
        .given = &stage_options.has_state_limit},
};

static const struct option common_options[] = {
    {"stats", .kind = OPTION_FLAG, .help = "the books as a line of JSON on stderr", TO(stats)},
    {"explain", .kind = OPTION_FLAG, .help = "say what would be done; read nothing", TO(explain)},
    {"progress", .kind = OPTION_FLAG, .help = "show progress also where stderr is no terminal",
        TO(progress)},
    {"quiet", 'q', OPTION_FLAG, .help = "no notes and warnings", TO(quiet)},
    {"verbose", 'v', OPTION_FLAG, .help = "more notes", TO(verbose)},
    {"help", 'h', OPTION_ACTION, .help = "this text"},
    {"version", .kind = OPTION_ACTION, .help = "version, features and libraries"},
};

#define GROUP(of) .options = of, .n = sizeof of / sizeof *of
const struct option_group stage_time_group = {.title = "time", GROUP(time_options)};
const struct option_group stage_event_group = {.title = "events", GROUP(event_options)};
const struct option_group stage_input_group = {.title = "input", GROUP(input_options)};
const struct option_group stage_checkpoint_group = {
    .title = "checkpoint", GROUP(checkpoint_options)};
const struct option_group stage_common_group = {.title = "common", GROUP(common_options)};

/* ---- actions ---- */

/* For the build and the tests: --completion SHELL, --list-options. */
static void answer_hidden(const struct tool *t, int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--completion") == 0)
        exit(
            options_completion(t, argv[2], stdout) && fflush(stdout) == 0 ? EXIT_DONE : EXIT_USAGE);
    if (argc == 2 && strcmp(argv[1], "--list-options") == 0) {
        options_list(t, stdout);
        exit(fflush(stdout) == 0 ? EXIT_DONE : EXIT_IO);
    }
}

static void act(struct stage *st, const char *action) {
    if (strcmp(action, "help") == 0) options_help(st->tool, stdout);
    else version_print(st->tool, stdout);
    exit(stage_explained(st));
}

/* ---- start ---- */

/* An input of many overlapping files has as many open. */
static void raise_open_files(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

/* A descriptor 0, 1 or 2 that is closed would be given to the next file that is opened.
 * O_PATH: to read or to write it stays an error. */
static void hold_standard_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0) (void)!open("/dev/null", O_RDONLY | O_PATH);
}

/* Without an argument at a terminal nobody feeds the tool: say how it is used. */
static void first_contact(struct stage *st, int argc) {
    const struct tool *t = st->tool;
    struct err e;
    if (argc > 1 || !isatty(STDIN_FILENO)) return;
    fprintf(stderr, "usage: %s %s\n%s\n\n  %s\n\n", t->name, t->synopsis, t->summary, t->example);
    err_set(&e, EXIT_USAGE, "%s --help lists the options, man %s explains them", t->name, t->name);
    stage_fail(st, &e);
}

static void from_environment(struct stage *st) {
    struct err e;
    const char *time = getenv("EV_TIME"), *lateness = getenv("EV_LATENESS");
    st->names_time = st->o.time != NULL || st->o.has_lateness;
    st->time_by_environment = time && *time && !st->o.time;
    if (st->time_by_environment) st->o.time = time;
    if (!lateness || !*lateness || st->o.has_lateness) return;
    stage_must(st,
        duration_parse(slice_of(lateness), false, &st->o.lateness, &e) || err_at(&e, "EV_LATENESS"),
        &e);
    st->o.has_lateness = true;
}

void stage_need_time(struct stage *st, struct texts sources) {
    bool can_merge = st->o.time && st->o.has_lateness && sources.n > 0;
    st->needs_time = st->needs_time || st->names_time || can_merge || st->o.has_max_future;
}

/* N, or P%: a number of events or a share of all. */
static void parse_max_reject(struct stage *st) {
    const char *text = st->o.max_reject;
    struct err e;
    char *end;
    st->reject_limit = INT64_MAX;
    st->reject_share = 1;
    if (!text) return;
    if (!st->o.reject) {
        err_set(&e, EXIT_USAGE, "--max-reject needs --reject DEST, where the bad input goes");
        stage_fail(st, &e);
    }
    double v = strtod(text, &end);
    bool share = strcmp(end, "%") == 0;
    if (*text < '0' || *text > '9' || end == text || (*end && !share) || !(v >= 0) ||
        v > (share ? 100 : 1e15) || (!share && v != (double)(int64_t)v)) {
        err_set(&e, EXIT_USAGE, "--max-reject: not a count or a share: %s (like 100 or 0.5%%)",
            QUOTED(slice_of(text)));
        stage_fail(st, &e);
    }
    if (share) st->reject_share = v / 100;
    else st->reject_limit = (int64_t)v;
}

static void require(struct stage *st, void *ctx, const struct json_path *path) {
    (void)ctx;
    st->required = mem_grow(st->required, st->n_required + 1, sizeof *st->required);
    st->required[st->n_required++] = stage_want_path(st, path, "--require");
}

static void want_required(struct stage *st) {
    for (size_t i = 0; i < st->o.require.n; i++)
        fields_each(st, st->o.require.items[i], "--require", require, NULL);
}

static void want_time(struct stage *st) {
    struct json_path path;
    struct err e;
    const char *name = st->o.time ? st->o.time : "window_end";
    stage_must(st, json_path_parse(slice_of(name), &path, &e) || err_at(&e, "--time"), &e);
    bool named = st->o.time && !st->time_by_environment;
    st->time_field = stage_want_path(st, &path, named ? "--time" : NULL);
    st->time_is_window_end = !st->o.time;
    json_path_free(&path);
}

/* What lies in an envelope was within the limits; the envelope is one level more, and a byte of rejected text takes up
 * to six. */
static void make_room_for_envelopes(struct stage *st) {
    enum { MEMBERS = 1 << 20 };
    const int64_t most = (int64_t)MAX_LINE_MOST;
    st->o.max_depth++;
    if (st->o.max_line > most) return;
    st->o.max_line = 6 * st->o.max_line + MEMBERS;
    if (st->o.max_line > most) st->o.max_line = most;
}

void stage_start(struct stage *st, const struct tool *tool, int argc, char **argv) {
    struct err e;
    const char *action;
    st->tool = tool;
    st->books.tool = tool->name;
    disorder_init(&st->books.disorder);
    hold_standard_descriptors();
    raise_open_files();
    answer_hidden(tool, argc, argv);
    first_contact(st, argc);
    stage_must(st, options_parse(tool, argc, argv, &st->operands, &action, &e), &e);
    st->o = stage_options;
    if (action) act(st, action);
    report_start(st);
    from_environment(st);
    parse_max_reject(st);
    if (st->o.max_depth < 1 || st->o.max_depth > 1000000) {
        err_set(&e, EXIT_USAGE, "--max-depth: must lie between 1 and 1000000");
        stage_fail(st, &e);
    }
    /* An abort line, with its message escaped, must fit. */
    if (st->o.max_line < 8 << 10) {
        err_set(&e, EXIT_USAGE, "--max-line: must be at least 8K");
        stage_fail(st, &e);
    }
    if (st->unwraps) make_room_for_envelopes(st);
    st->scanner = json_scanner_new((int)st->o.max_depth);
    if (st->o.tz) {
        st->zone = zone_open(st->o.tz, &e);
        stage_must(st, st->zone || err_at(&e, "--tz"), &e);
    }
    if (st->o.time_format) stage_must(st, time_format_check(st->o.time_format, &e), &e);
    st->times = (struct time_format){
        .format = st->o.time_format, .zone = st->zone, .unit = time_unit_named(st->o.time_unit)};
    want_time(st);
    want_required(st);
    if (!st->o.where) return;
    st->where =
        stage_want(st, expr_parse(slice_of(st->o.where), st->scanner, st->zone, &e), "--where");
    stage_must(st, st->where || err_at(&e, "--where"), &e);
    st->needs_time = st->needs_time || expr_uses_time(st->where);
}
