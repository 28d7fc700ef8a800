#include "cli/stream.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/epochs.h"
#include "cli/report.h"
#include "json/path.h"

/* ---- what is read ---- */

/* --time with a stream that has times already may say the same, but not something else. */
static void check_time(struct stage *st, const struct control *open) {
    struct err e;
    bool named = st->o.time && !st->time_by_environment;
    if (!named || strcmp(st->o.time, open->time.field) == 0) return;
    err_set(&e, EXIT_USAGE,
        "--time %s: the events that come in have their time already, by %s; leave it out",
        st->o.time, open->time.field);
    stage_fail(st, &e);
}

/* Times without an offset in control lines: a process has one zone. */
static void take_zone(struct stage *st, const char *name) {
    struct err e;
    if (!name) return;
    if (st->o.tz && strcmp(st->o.tz, name) != 0) {
        err_set(&e, EXIT_USAGE, "--tz %s: the times that come in are of %s", st->o.tz, name);
        stage_fail(st, &e);
    }
    if (!st->zone) st->zone = zone_open(name, &e);
    stage_must(st, st->zone || err_at(&e, "the open record"), &e);
    st->times.zone = st->zone;
}

/* Among control lines the time lies in the field that they name; in frames each event brings it. */
static void take_time(struct stage *st, const struct control_time *t) {
    struct json_path path;
    struct err e;
    stage_must(
        st, json_path_parse(slice_of(t->field), &path, &e) || err_at(&e, "the open record"), &e);
    st->time_field = stage_want_path(st, &path, NULL);
    json_path_free(&path);
    st->time_is_window_end = st->time_by_environment = false;
    st->time_minus = t->minus;
    st->times.format = t->format;
    st->times.unit = t->unit;
    take_zone(st, t->zone);
}

/* Where all tools were told of frames, a pipe that just ends was left by one that was killed before it wrote. Who
 * names "-" says that the stream begins there, and a source may be empty. */
static void check_not_empty(struct stage *st) {
    struct err e;
    struct stat in;
    const char *wire = getenv("EV_WIRE");
    bool told = wire && (strcmp(wire, "frames") == 0 || strcmp(wire, "control") == 0);
    if (st->names_sources || !told || report_stopped() || !inputs_is_empty(st->inputs)) return;
    if (fstat(STDIN_FILENO, &in) != 0 || !S_ISFIFO(in.st_mode)) return;
    err_set(&e, EXIT_IO,
        "-: the input ends before it begins, but EV_WIRE is %s: a tool upstream was killed "
        "(%s, where it may be empty)",
        wire, st->is_source ? "evcat -" : "-i -");
    stage_fail(st, &e);
}

void stream_take(struct stage *st) {
    const struct control *open = inputs_stream(st->inputs);
    bool in_field = open && open->time.field && !inputs_is_frames(st->inputs);
    check_not_empty(st);
    epochs_take(st);
    st->takes_time = st->takes_time && in_field;
    if (!open) return;
    st->stream_time = control_time_copy(&open->time);
    if (open->time.field) check_time(st, open);
    if (in_field) take_time(st, &st->stream_time);
    /* EV_LATENESS is exported to all stages. */
    if (open->watermarks && stage_options.has_lateness)
        stage_note(st, "the stream that comes in has watermarks: --lateness has no say");
}

/* ---- what is written ---- */

static enum wire wire_named(struct stage *st, const char *name, const char *option) {
    static const char *const names[] = {"text", "control", "frames"};
    struct err e;
    for (int w = WIRE_TEXT; w <= WIRE_FRAMES; w++)
        if (strcmp(name, names[w]) == 0) return (enum wire)w;
    err_set(&e, EXIT_USAGE, "%s: not an encoding: %s; there are text, control and frames", option,
        QUOTED(slice_of(name)));
    stage_fail(st, &e);
}

/* A stage writes what it reads; where that is text it begins the stream, as EV_WIRE says. */
static enum wire choose_wire(struct stage *st, bool *named) {
    const char *environment = getenv("EV_WIRE");
    *named = st->o.wire != NULL;
    if (st->o.wire) return wire_named(st, st->o.wire, "--wire");
    bool by_pipe = st->sources.n && strcmp(st->sources.paths[0], "-") == 0;
    if (by_pipe && inputs_stream(st->inputs))
        return inputs_is_frames(st->inputs) ? WIRE_FRAMES : WIRE_CONTROL;
    if (environment && *environment) return wire_named(st, environment, "EV_WIRE");
    return st->epochs ? WIRE_FRAMES : WIRE_TEXT;
}

static struct control_time time_of_events(const struct stage *st) {
    bool of_rows = st->time_is_window_end;
    if (st->time_of_rows) return st->time_of_rows();
    if (st->stream_time.field) return control_time_copy(&st->stream_time);
    if (!st->needs_time) return (struct control_time){0};
    return control_time_copy(&(struct control_time){.field = st->wanted[st->time_field].path,
        .format = (char *)(uintptr_t)st->times.format,
        .zone = (char *)(uintptr_t)(st->zone ? zone_name(st->zone) : NULL),
        .unit = st->times.unit,
        .minus = of_rows});
}

static void check_wire(struct stage *st, enum wire wire) {
    struct err e;
    if (!st->epochs || wire != WIRE_TEXT) return;
    err_set(&e, EXIT_USAGE,
        "under a checkpoint plain text is not enough for the next stage: --wire control are lines "
        "that jq can read%s",
        isatty(STDOUT_FILENO) ? "; at a terminal, env -u EV_CHECKPOINT" : "");
    stage_fail(st, &e);
}

void stream_start(struct stage *st) {
    bool named;
    enum wire wire = choose_wire(st, &named);
    if (isatty(STDOUT_FILENO) && (!named || wire == WIRE_FRAMES)) wire = WIRE_TEXT;
    check_wire(st, wire);
    struct control open = {.tool = mem_str(slice_of(st->tool->name)),
        .watermarks = stage_has_watermarks(st),
        .time = time_of_events(st)};
    epochs_complete_open(st, &open);
    out_start(&st->out, wire, &open);
    /* That of an earlier run: nothing behind it is on time. */
    if (st->epochs) out_watermark(&st->out, stage_watermark(st));
}

bool stage_has_watermarks(const struct stage *st) {
    bool reads_nothing = st->epochs && st->is_source && report_stopped() && !epochs_replay(st);
    return inputs_has_watermarks(st->inputs) || reads_nothing;
}

int64_t stage_reached(struct stage *st) {
    return st->inputs ? inputs_reached(st->inputs) : TIME_NONE;
}

int64_t stage_watermark(struct stage *st) {
    int64_t watermark = stage_reached(st);
    return st->holds ? st->holds(st, watermark) : watermark;
}
