/* A stage under a checkpoint: DESIGN section 5, "Epochs". The rules are named by their numbers there. Inside cli/ only. */
#ifndef EV_CLI_EPOCHS_H
#define EV_CLI_EPOCHS_H

#include "cli/stage.h"

/* Joins the checkpoint that EV_CHECKPOINT or --checkpoint names, if one does: st->epochs is set then. Before
 * anything else is opened (rule 1); the source stage learns what to restore (rule 2). */
void epochs_join(struct stage *st);
int epochs_folder(const struct stage *st); /* -1 without */
/* The folder that the user names, or NULL. */
const char *epochs_wanted(const struct stage *st);
struct state *epochs_state(const struct stage *st);
int64_t epochs_generation(const struct stage *st);
int64_t epochs_clock(struct stage *st); /* of the source stage, µs */
bool epochs_replay(const struct stage *st);
/* Has an earlier run of the source stage read something? */
bool epochs_have_read(const struct stage *st);
/* From where and how far the source stage reads. */
void epochs_choose_inputs(struct stage *st, struct inputs_options *o);
/* A stage that is not the source is told what to restore by the stream that it reads; without a checkpoint there must be
 * none of which that tells. */
void epochs_take(struct stage *st);
/* Restores what the stage knew, and completes what it tells the next one. */
void epochs_restore(struct stage *st);
void epochs_complete_open(const struct stage *st, struct control *open);

/* Before each event of the source stage: cuts epochs when it is time, and goes from plan to plan. False: the stream is at its
 * final end. May end the process. */
bool epochs_go_on(struct stage *st);
/* A barrier or an end has come in. False: the final end. */
bool epochs_control(struct stage *st, const struct control *c);
/* The source is at its end, for now. False: for good; true: an epoch that was read again was, and there is more. */
bool epochs_input_ends(struct stage *st);
/* The run fails through no fault of its input: what cannot be read again is planned for the next one. */
void epochs_salvage(struct stage *st);
/* Until the next cut may be due, in ms; -1: there is none to come. */
int epochs_wait_ms(struct stage *st);

/* The tool has written all: the last epoch ends here. */
_Noreturn void epochs_end(struct stage *st);

/* ---- of stage.c ---- */

/* Opens st->inputs. */
void stage_open_inputs(struct stage *st);
/* What an epoch must hold before it is published; all that is due has been written then. */
void stage_check_epoch(struct stage *st);
/* The last words of a stage that ends well; its exit code. */
int stage_leave(struct stage *st);

#endif
