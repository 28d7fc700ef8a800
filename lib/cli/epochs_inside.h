/* What the files of epochs share: the state of a stage under a checkpoint. Inside cli/epochs*.c only.
 *
 *     epochs_join.c      who takes part, and what the source stage begins with
 *     epochs_restore.c   what the stream tells, and what a stage knew
 *     epochs_close.c     the end of an epoch, and of the stage
 *     epochs_source.c    cutting epochs, and replaying them
 *     epochs.c           barriers and ends that come in */
#ifndef EV_CLI_EPOCHS_INSIDE_H
#define EV_CLI_EPOCHS_INSIDE_H

#include "base/clock.h"
#include "base/crash.h"
#include "cli/checkpoint.h"
#include "cli/epochs.h"
#include "cli/plan.h"
#include "state/members.h"

struct epochs {
    struct checkpoint dir;
    char *pipeline, *uuid; /* owned */
    char *stages;          /* so too: those before this one, as in control_pipeline */
    /* Where side outputs stood at the newest record, also those that are not open; or NULL. */
    struct json_t *sides;
    int64_t generation;
    bool keeps_output;          /* of the generation before */
    uint64_t restored, planned; /* C and P */
    uint64_t last;              /* the newest that has ended here */
    uint64_t committed;
    struct state *state;
    uint64_t recorded; /* by the stage, up to here: its outputs have what comes again */
    uint64_t begun;    /* with the first that was published into what no record tells of */
    uint64_t plan;     /* the hash of the epoch that ends */
    int64_t released_us;
    /* of a later stage */
    uint64_t end; /* the epoch of its final end */
    /* of the source stage */
    bool source;
    bool is_new;          /* no stage has recorded anything */
    struct plan position; /* where the epoch at hand begins; of the last that was planned */
    struct source_journal *journal; /* where sources are kept that cannot be read again, or NULL */
    struct source_journal_reader *replayed;
    uint64_t journaled; /* journals up to this epoch are gone */
    struct plan replay; /* the epoch at hand, where replay.epoch is not 0 */
    bool is_line;       /* all stages have taken up what they had */
    bool is_salvaged;   /* the run fails */
    bool over;          /* the final end was acknowledged by an earlier run */
    uint64_t base;      /* records that had been taken when the epoch at hand began */
    int64_t clock;      /* its time, once it has a record */
    int64_t began_us;   /* by the monotonic clock */
};

_Noreturn void epochs_fail(struct stage *st, enum exit_code code, const char *text);
/* Puts the place of the stage's folder in front of a message; fails the stage unless ok. */
void epochs_must(struct stage *st, bool ok, struct err *e);

/* Publishes what the epoch has brought, records it, and passes the barrier on. */
void epochs_close(struct stage *st, uint64_t epoch, bool final);
/* What is known of the side output's DEST, or NULL. */
const struct json_t *epochs_side_of(const struct stage *st, enum aside which);
/* What is told to the destination. */
struct txn epochs_txn(const struct stage *st, uint64_t epoch);
/* The stage has come to its end, for now; or again to the final one. */
_Noreturn void epochs_pause(struct stage *st);
_Noreturn void epochs_end_again(struct stage *st);
_Noreturn void epochs_leave(struct stage *st);

/* The final epoch was read again: what came since it was planned is refused, as by each later run. */
void epochs_look_behind(struct stage *st);
/* The end at which evsink has acknowledged all. */
void epochs_wait_for_sink(struct stage *st);

/* Plans the epoch at hand, which is the last one where final. */
void epochs_plan(struct stage *st, bool final);
_Noreturn void epochs_pause_source(struct stage *st);

#endif
