/* Several runs of one table, from the oldest to the newest, read as one: of a map in ascending order of (time, key),
 * of entries with the same only the newest; of a set one run after the other. Without the entries below a horizon. */
#ifndef EV_STATE_MERGE_H
#define EV_STATE_MERGE_H

#include "state/run.h"

struct merge {
    int folder;
    struct run *const *runs;
    struct run_reader *readers; /* of a map one for each run, of a set one */
    size_t *heap;               /* of readers that have an entry; the next one first */
    size_t n, live, at;         /* runs; readers in the heap; of a set the run after this one */
    enum state_kind kind;
    unsigned table;
    int64_t horizon;
    bool started;
    struct buf last; /* the key that came last, and last_time */
    int64_t last_time;
    /* After merge_next(): */
    struct state_entry entry; /* its slices are valid until the next call */
    bool dropped;
    bool ended; /* all runs were read to their end and are as the manifest says */
};

/* Borrows runs. */
bool merge_open(struct merge *m, int folder, struct run *const *runs, size_t n, unsigned table,
    enum state_kind kind, int64_t horizon, struct err *e);
bool merge_next(struct merge *m, struct err *e);
/* Of {0} nothing. */
void merge_close(struct merge *m);

/* Time, then key bytes: negative, 0 or positive. */
static inline int entry_order(
    int64_t time, struct slice key, int64_t other_time, struct slice other_key) {
    return time != other_time ? (time > other_time) - (time < other_time)
                              : slice_cmp(key, other_key);
}

#endif
