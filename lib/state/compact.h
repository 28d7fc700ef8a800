/* Merging of runs beside the stage, in a thread that blocks all signals and touches nothing but files that never
 * change and one that nobody knows yet. */
#ifndef EV_STATE_COMPACT_H
#define EV_STATE_COMPACT_H

#include <pthread.h>
#include <stdatomic.h>

#include "state/run.h"

/* One merge. All but what the thread answers is filled before compaction_start(), and left alone until
 * compaction_end(). */
struct compaction {
    int folder;
    uint64_t epoch; /* for crash points */
    unsigned table;
    enum state_kind kind;
    int64_t horizon;
    bool
        oldest; /* nothing is older than the inputs, so that what was dropped need not be remembered */
    struct run **inputs; /* from the oldest to the newest */
    size_t n;
    char name[RUN_NAME]; /* of the output */
    /* The thread's: */
    pthread_t thread;
    atomic_bool done, cancelled;
    bool ok;
    struct run output; /* without entries there is no file */
    struct err err;
};

/* Runs to be merged: those from *from on, *n of them; false where there is nothing to do. *rank says of several tables
 * which needs it most. */
bool compaction_choose(
    struct run *const *runs, size_t n_runs, size_t *from, size_t *n, size_t *rank);

/* EXIT_IO where no thread can be had. */
bool compaction_start(struct compaction *c, struct err *e);
/* Waits for the thread. Afterwards c->ok and c->output or c->err say what came of it. */
void compaction_end(struct compaction *c);

#endif
