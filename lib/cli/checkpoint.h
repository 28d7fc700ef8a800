/* The folder that the stages of a pipeline share, DESIGN section 5: each owns the folder of its id in it. Inside cli/
 * only.
 *
 *     DIR/pipeline-<generation>      whose it is
 *     DIR/reset-<generation>         that it is about to be cleared; will be the next pipeline-
 *     DIR/.lock                      held while that is written
 *     DIR/<id>/lock                  held while the stage runs
 *     DIR/<id>/query-1               what it does: another query cannot go on with its state
 *     DIR/<id>/plan-<epoch>          of the source stage: what it reads in that epoch
 *     DIR/<id>/journal-<epoch>       its events, where they cannot be read again
 *     DIR/<id>/manifest-<epoch>      what a stage knew at the end of the epoch; of evsink at the end it is named ack-,
 *                                    of one before it passed-
 *     DIR/<id>/begun-<epoch>         what a stage was about to publish that epoch into, where no record told of it yet
 *
 * What was superseded stays for an hour, so that the folder may be copied while the pipeline runs. */
#ifndef EV_CLI_CHECKPOINT_H
#define EV_CLI_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum role { ROLE_STAGE, ROLE_SINK, ROLE_PASSING_SINK };

struct checkpoint {
    const char *path; /* borrowed */
    const char *id;   /* borrowed */
    enum role role;
    int root, folder, lock; /* descriptors */
    int sink;       /* the folder of the evsink at the end, once it has acknowledged; else -1 */
    int64_t joined; /* µs by the clock of files, as is gone_at */
    int gone_pid; /* of an evsink at the end that had left by then, or 0; and when it had become ready */
    int64_t gone_at;
};

/* "manifest", "ack", "passed": what the stage's file of an epoch is named. */
const char *role_record(enum role role);

/* Makes the folders where they are missing, and takes the stage's lock; one that is held is waited for, some seconds.
 * EXIT_RETRY: another run has it; EXIT_USAGE: another stage of this run; EXIT_NO_OUTPUT. */
bool checkpoint_join(
    struct checkpoint *c, const char *path, const char *id, enum role role, struct err *e);
/* While one source says whose the checkpoint is no other does. Returns what is to be closed then; -1, after some
 * seconds: it goes on without. */
int checkpoint_lock_name(const struct checkpoint *c);
/* Is there another evsink at the end? EXIT_CONFIG naming both. */
bool checkpoint_is_line(const struct checkpoint *c, struct err *e);

/* Is each stage that has taken part in the line, which is a list of ids, a '/' behind each? EXIT_CONFIG naming one that
 * is not. */
bool checkpoint_has_only(const struct checkpoint *c, const char *line, struct err *e);

/* For the source stage: the epoch to be restored, and the last one that is planned. What a copy holds beyond is removed.
 * *back is true where a later epoch had been acknowledged, which cannot be restored. EXIT_CONFIG. */
bool checkpoint_choose(
    const struct checkpoint *c, uint64_t *epoch, uint64_t *planned, bool *back, struct err *e);
/* Has no stage taken part yet? */
bool checkpoint_is_new(const struct checkpoint *c, bool *is_new, struct err *e);
/* Raises *committed by what has been acknowledged since. EXIT_IO. */
bool checkpoint_committed(struct checkpoint *c, uint64_t *committed, struct err *e);
/* Is an evsink at the end running, or might one still come? */
bool checkpoint_has_sink(const struct checkpoint *c);
/* This stage has restored what it must. EXIT_NO_OUTPUT. */
bool checkpoint_ready(const struct checkpoint *c, struct err *e);
/* Has one become ready since we joined? */
bool checkpoint_sink_came(const struct checkpoint *c);
/* Everything but the locks goes. EXIT_IO; EXIT_RETRY where a stage of an earlier run is still at work, after some seconds. */
bool checkpoint_clear(const struct checkpoint *c, struct err *e);

#endif
