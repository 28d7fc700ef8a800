/* evsink - publish a stream into a file, a folder, or standard output; evsink(1). */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/stage.h"
#include "json/path.h"

static struct sink_options o;
static bool pass;

static const struct option options[] = {
    {"format", .kind = OPTION_TEXT, .arg = "F", .help = "ndjson csv tsv table; else by suffix",
        .to = &o.format, .hint = HINT_WORDS, .words = "ndjson csv tsv table"},
    {"gzip", .kind = OPTION_FLAG, .help = "compress (also where DEST ends in .gz)", .to = &o.gzip},
    {"partition", .kind = OPTION_TEXT, .arg = "P", .help = "folders: 'city={city_id}/dt=%Y-%m-%d'",
        .to = &o.partition},
    {"partition-time", .kind = OPTION_TEXT, .arg = "FIELD",
        .help = "the time of % in it; window_start", .to = &o.partition_time},
    {"pass", .kind = OPTION_FLAG, .help = "write on what was read, for the next sink", .to = &pass},
    {"at-least-once", .kind = OPTION_FLAG, .help = "DEST may get an epoch twice after a crash",
        .to = &o.at_least_once},
    {"run", .kind = OPTION_TEXT, .arg = "NAME",
        .help = "in a folder's names; a rerun replaces its own; 0", .to = &o.run},
    {"keep-old", .kind = OPTION_DURATION, .arg = "D",
        .help = "how long a folder's removed files stay in _old/; 1d", .to = &o.keep_old_us,
        .given = &o.has_keep_old},
    STAGE_INPUT_OPTION,
};

static struct option_group groups[6];
static const struct tool tool = {
    .name = "evsink",
    .summary = "publish a stream of events into a file or a folder, whole or not at all",
    .synopsis = "[options] DEST",
    .example = "evwindow -i orders.ndjson --time event_ts --every 15m | evsink counts.csv",
    .groups = groups,
    .n_groups = 6,
};

static struct sink *sink;

static void flush(struct stage *st) {
    struct err e;
    stage_must(st, sink->flush(sink, &e), &e);
}

/* What came before a failure is still written where somebody reads it as it comes. */
static void abandon(struct stage *st) {
    struct err ignored;
    (void)st;
    (void)sink->flush(sink, &ignored);
    sink->close(sink);
}

static void explain(const struct stage *st) {
    stage_explain(st);
    o.by_epochs = stage_checkpoint(st) != NULL;
    printf("destination: %s%s\n", st->operands.items[0],
        o.partition ? ", a folder by partitions" : "");
    if (o.partition) printf("partition: %s\n", o.partition);
    printf("kind: %s\n", sink_manner(st->operands.items[0], &o));
}

/* A mistyped {name} would put all events into the folder of null. */
static void named_by_partition(void *ctx, const struct json_path *path) {
    stage_want_path(ctx, path, "--partition");
}

/* Else a file named .parquet or .csv.zst would hold JSON lines. */
static void check_suffix(struct stage *st) {
    static const char *const foreign[] = {
        ".zst", ".bz2", ".xz", ".lz4", ".zip", ".parquet", ".orc", ".avro", ".xlsx"};
    struct slice name = slice_of(st->operands.items[0]);
    for (size_t i = 0; !o.format && i < sizeof foreign / sizeof *foreign; i++) {
        struct err e;
        if (!slice_ends(name, foreign[i])) continue;
        err_set(&e, EXIT_USAGE,
            "%s is not written; .ndjson, .csv and .tsv are, each also as .gz (--format if the name "
            "is right)",
            foreign[i]);
        stage_fail(st, &e);
    }
}

static void check_operands(struct stage *st) {
    struct err e;
    if (st->operands.n == 1) return;
    err_set(&e, EXIT_USAGE,
        st->operands.n ? "one DEST at a time, found %zu"
                       : "where to? evsink DEST (a file, a folder, or -)",
        st->operands.n);
    stage_fail(st, &e);
}

/* Two streams in one. */
static void check_pass(struct stage *st) {
    struct stat dest, out;
    if (!pass) return;
    bool same = strcmp(st->dest, "-") == 0 ||
                (stat(st->dest, &dest) == 0 && fstat(STDOUT_FILENO, &out) == 0 &&
                    dest.st_dev == out.st_dev && dest.st_ino == out.st_ino &&
                    (S_ISFIFO(out.st_mode) || S_ISREG(out.st_mode)));
    if (same)
        stage_usage(st, "--pass writes what was read to standard output: DEST must be elsewhere");
}

static void open_sink(struct stage *st) {
    struct err e;
    st->sink_writes_out =
        strcmp(st->dest, "-") == 0 && !o.gzip && (!o.format || strcmp(o.format, "table") != 0);
    o.scanner = st->scanner;
    o.named = named_by_partition;
    o.ctx = st;
    o.zone = st->zone;
    o.id = st->o.id;
    o.by_epochs = st->epochs != NULL;
    o.spool = stage_spool(st);
    st->sink = sink = sink_open(st->dest, &o, &e);
    stage_must(st, sink != NULL, &e);
    st->batch = flush;
    st->abandon = abandon;
}

static void write_on(struct stage *st, const struct event *ev) {
    struct err e;
    st->books.results++;
    if (!pass) return;
    buf_add_slice(out_begin(&st->out, ev->time, ev->watermark), ev->text);
    stage_must(st, out_end(&st->out, &e), &e);
}

int main(int argc, char **argv) {
    static struct stage st = {.is_sink = true, .books.result = "written"};
    memcpy(groups,
        (struct option_group[]){{"evsink", options, sizeof options / sizeof *options},
            stage_time_group, stage_event_group, stage_input_group, stage_checkpoint_group,
            stage_common_group},
        sizeof groups);
    /* Until the operands are known: a mistake on the way must not look like an empty input. */
    for (int i = 1; i < argc; i++) st.sink_writes_out |= strcmp(argv[i], "-") == 0;
    stage_start(&st, &tool, argc, argv);
    struct err e;
    check_operands(&st);
    check_suffix(&st);
    st.dest = st.operands.items[0];
    check_pass(&st);
    stage_need_time(&st, st.o.input);
    if (st.o.explain) return explain(&st), stage_explained(&st);
    st.writes_out = pass;
    stage_join(&st, st.o.input);
    open_sink(&st);
    stage_open(&st, st.o.input);

    struct event ev;
    while (stage_next(&st, &ev)) {
        if (sink->put(sink, &ev, &e)) write_on(&st, &ev);
        else if (e.code == EXIT_BAD_DATA) stage_reject(&st, &ev, "bad_value", NULL, NULL, &e);
        else stage_fail(&st, &e);
    }
    stage_check(&st);
    return stage_end(&st);
}
