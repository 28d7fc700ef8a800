/* What all tools share: the common options, and the loop over events with its books.
 *
 *     stage_start(&st, &tool, argc, argv);   parses; --help and the like end here
 *     ... the tool parses its own expressions, wanting fields from st.scanner ...
 *     stage_open(&st, sources);              opens the inputs
 *     while (stage_next(&st, &ev)) ...       good events that passed --where
 *     return stage_end(&st);                 checks, closes, prints the books
 *
 * What cannot go on ends in stage_fail(): message, abort line, exit code. */
#ifndef EV_CLI_STAGE_H
#define EV_CLI_STAGE_H

#include "cli/books.h"
#include "cli/options.h"
#include "cli/out.h"
#include "expr/expr.h"
#include "sink/sink.h"
#include "source/inputs.h"
#include "state/state.h"

struct stage_options {
    /* time */
    const char *time, *time_format, *time_unit, *tz;
    int64_t lateness;
    bool has_lateness;
    /* events */
    const char *where, *reject, *max_reject;
    struct texts require;
    bool allow_missing;
    /* reading */
    struct texts input; /* -i */
    bool csv, tsv, json;
    const char *header, *types;
    int64_t max_line, max_depth;
    /* talking */
    bool stats, explain, verbose, quiet, progress;
    /* writing */
    const char *wire;
    /* checkpoint */
    const char *checkpoint, *pipeline, *id;
    const char *output;
    int64_t trigger, max_per_trigger, max_future, state_limit;
    bool has_trigger, has_max_per_trigger, has_max_future, has_state_limit, final, journal,
        reset_state;
};

/* A field that the command line names. */
struct wanted {
    char *path;       /* as it would be typed */
    const char *role; /* the option that names it; NULL: none does */
    bool seen;
};

/* Where events go that do not go through. */
enum aside { ASIDE_REJECT, ASIDE_LATE, ASIDE_DUPS, ASIDES };

struct stage;

/* What a tool remembers from epoch to epoch, and the tables of state/state.h that it keeps it in. */
struct stage_keeps {
    const enum state_kind *tables;
    size_t n_tables;
    /* One entry comes back; then, when all have, what was saved with them, NULL at the beginning. EXIT_CONFIG. */
    bool (*load)(struct stage *st, const struct state_entry *entry, struct err *e);
    bool (*restore)(struct stage *st, const struct json_t *saved, struct err *e);
    /* Puts what has changed since the last time; *saved, an object, is what else is to be known. */
    bool (*save)(struct stage *st, struct state *state, struct json_t **saved, struct err *e);
};

struct stage {
    const struct tool *tool;
    struct stage_options o;
    struct texts operands;
    bool names_time;  /* --time or --lateness was given (EV_TIME is there for whoever needs one) */
    bool needs_time;  /* the tool sets it before stage_open() */
    bool takes_time;  /* it can do without, but takes that of control lines; likewise */
    bool is_source;   /* no stage wrote what it reads; the tool sets it where that is always so */
    bool unwraps;     /* envelopes are read: take the events out */
    bool has_enough;  /* the tool wants no more than what is planned already */
    bool ended_early; /* the tool has left input unread: what is not in the rest is not known */
    bool writes_out;  /* events go to standard output: it is opened, and gets the abort line */
    bool is_sink;     /* the stream may end here: under a checkpoint this stage acknowledges */
    bool looks_only;  /* takes no part in a checkpoint */
    bool operands_are_query;
    bool sink_writes_out; /* a sink writes events there; it gets the abort line too */

    struct json_scanner *scanner;
    struct zone *zone;
    struct expr *where;
    struct time_format times;
    int time_field;                  /* -1: none */
    int control_field;               /* with unwraps: of "@ev" */
    bool time_is_window_end;         /* rows of evwindow without --time */
    struct control_time stream_time; /* as the stream that is read says it; owned */
    int64_t time_minus;              /* µs to be taken from that field */
    bool time_by_environment;        /* rows of evwindow without that field have window_end still */
    struct wanted *wanted;           /* by the scanner's index */
    size_t n_wanted, n_unseen;
    bool looked;  /* for them, in an event at least */
    char **names; /* of fields in the first events, to find what a mistyped one was meant to be */
    size_t n_names;
    int *required; /* indexes of --require */
    size_t n_required;

    struct source_list sources;
    bool names_sources; /* on the command line */
    struct inputs *inputs;
    struct epochs *epochs; /* NULL: there is no checkpoint */
    struct sink *sink;     /* of an evsink; the stage commits and closes it */
    struct out out;
    const char
        *aside_dest[ASIDES];    /* NULL: none; the tool sets those of its own before stage_open() */
    struct side *aside[ASIDES]; /* of one DEST by two names the same */
    const char *dest;           /* so too, where it writes to a sink */
    size_t waiting;             /* events that the tool has taken, and has not decided about */
    int64_t reject_limit;       /* INT64_MAX: none */
    double reject_share;        /* of all events, judged at the end */
    struct books books;
    struct buf scratch; /* unescaped text of the event at hand */
    struct buf unwrapped;

    void (*batch)(struct stage
            *st); /* before a read that may wait and before a failure: what others wait for */
    /* Would the tool take the event, or find it bad input? NULL: it takes all. Leaves no trace. */
    bool (*takes)(struct stage *st, const struct event *ev, struct err *e);
    void (*abandon)(struct stage *st); /* the tool's clean-up before a failing exit, or NULL */
    /* Where the watermark of what it writes is not that of what it reads, and where its events have
     * their time elsewhere. */
    int64_t (*holds)(struct stage *st, int64_t watermark);
    struct control_time (*time_of_rows)(void);
    const struct stage_keeps *keeps;       /* under a checkpoint, or NULL */
    size_t (*remembers)(struct stage *st); /* bytes of memory, or NULL */
    size_t unlooked;                       /* bytes that came in since the last look at them */
    void (*left_open)(struct stage *st, struct buf *out); /* "3 windows are open", or NULL */
    void (*hint)(struct stage *st, struct buf *out);      /* why there is no output yet, or NULL */
    int64_t started_us, drawn_us, flushed_us;             /* by the monotonic clock */

    const char *bad_code, *bad_field; /* why accept() refused the event at hand */
    struct json_field bad_value;
};

/* The groups of options that every tool shows, and those of tools that know event time; `o` must live as long as the process. */
extern struct stage_options stage_options;
extern const struct option_group stage_time_group, stage_event_group, stage_input_group,
    stage_checkpoint_group, stage_common_group;

/* Rows of those tables that several tools have, but not all. */
#define STAGE_WIRE_OPTION                                                                          \
    {                                                                                              \
        "wire", .kind = OPTION_TEXT, .arg = "W", .help = "write text, control (lines) or frames",  \
                .to = &stage_options.wire, .hint = HINT_WORDS, .words = "text control frames"      \
    }
#define STAGE_INPUT_OPTION                                                                         \
    {                                                                                              \
        "input", 'i', OPTION_LIST, .arg = "SOURCE", .help = "read this instead of standard input", \
                                   .to = &stage_options.input, .hint = HINT_FILE                   \
    }

/* Parses, sets up signals, makes the scanner, the zone and --where. Ends the process on usage errors, --help, --version, --completion. */
void stage_start(struct stage *st, const struct tool *tool, int argc, char **argv);

/* Wants all fields of an expression, to be seen at least once in a bounded run; `role` is the option that names it,
 * NULL for one that may be missing. Returns x, which may be NULL. */
struct expr *stage_want(struct stage *st, struct expr *x, const char *role);
int stage_want_path(struct stage *st, const struct json_path *path, const char *role);

/* For tools that can do without event time: it is needed where it was asked for, and to read several sources in the
 * order of their times. Call before stage_open(). */
void stage_need_time(struct stage *st, struct texts sources);

/* Takes part in the checkpoint, if there is one: st->epochs. For a tool that must know before stage_open(), which does
 * it else. */
void stage_join(struct stage *st, struct texts sources);
/* Where what is not published yet may be spooled: a folder, or -1 without a checkpoint. */
int stage_spool(const struct stage *st);
/* For a tool that puts what is new when it comes; NULL without a checkpoint. */
struct state *stage_state(const struct stage *st);
/* How often the checkpoint was reset; 0 without one. */
int64_t stage_generation(const struct stage *st);
/* Is an epoch read again, as it was planned? */
bool stage_replays(const struct stage *st);
/* Now, µs; under a checkpoint the time of the epoch, which is the same when it is read again. */
int64_t stage_clock(struct stage *st);

/* Opens inputs (of the operands or -i; standard input where there are none) and outputs. */
void stage_open(struct stage *st, struct texts sources);

bool stage_next(struct stage *st, struct event *ev);

/* Between two events: waits until that time of the monotonic clock. An epoch may end meanwhile. */
void stage_sleep(struct stage *st, int64_t until_us);

/* Does what the stage reads have them? A run that was stopped before it could read does not refuse what needs them. */
bool stage_has_watermarks(const struct stage *st);
/* The watermark, now: of what the stage reads, as inputs_reached(), and of what it writes. */
int64_t stage_reached(struct stage *st);
int64_t stage_watermark(struct stage *st);

/* Before a failure: writes what others wait for, as before a read that may wait. */
static inline void stage_deliver(struct stage *st) {
    if (st->batch) st->batch(st);
}

/* The event is bad for what the tool needs of it: to --reject, or the end. It moves no watermark. */
void stage_reject(struct stage *st, const struct event *ev, const char *code, const char *field,
    const struct json_field *value, struct err *e);
/* The event is one that was there before: to --dups, and counted. */
void stage_duplicate(struct stage *st, const struct event *ev);
/* The event is late: to --late, and counted. */
void stage_late(struct stage *st, const struct event *ev, int64_t window_start, int64_t late_by);

/* Publishes, closes and checks everything, prints warnings and the books; the exit code. */
int stage_end(struct stage *st);
/* After the loop and before anything is published: was each named field seen, are the rejects within their limit? Ends the process otherwise. */
void stage_check(struct stage *st);

/* The folder of the checkpoint that it would take part in, or NULL. */
const char *stage_checkpoint(const struct stage *st);

/* --explain: what all stages say, on standard output, which stage_explained() then checks; the exit code. */
void stage_explain(const struct stage *st);
int stage_explained(struct stage *st);

/* Prints `tool: text`, writes the abort line, and exits with e->code. */
_Noreturn void stage_fail(struct stage *st, const struct err *e);
/* The same with EXIT_USAGE. */
_Noreturn void stage_usage(struct stage *st, const char *message);
void stage_note(const struct stage *st, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* True when e-returning calls may go on: `stage_must(st, ok, &e)` fails the stage when !ok. */
static inline void stage_must(struct stage *st, bool ok, const struct err *e) {
    if (__builtin_expect(!ok, 0)) stage_fail(st, e);
}

#endif
