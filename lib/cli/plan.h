/* What the source stage reads in an epoch, so that a later run reads just that again. Inside cli/ only. */
#ifndef EV_CLI_PLAN_H
#define EV_CLI_PLAN_H

#include "base/err.h"
#include "base/buf.h"
#include "source/position.h"

struct plan {
    uint64_t epoch;
    uint64_t records;    /* how many it has */
    struct positions at; /* how far each input is read at its end, in the order of reading; owned */
    int64_t clock;       /* the epoch's: µs */
    bool final;          /* it ends with the stream */
    uint64_t chain;      /* a hash of this plan and all before it */
    uint64_t journal;    /* and the check of that journal */
    bool journaled;      /* its records are in the journal: the inputs cannot be read again */
};
void plan_free(struct plan *p);

/* Sets p->chain, behind that of the plan before. */
void plan_chain(struct plan *p, uint64_t before);

/* Durable when true: EXIT_IO. */
bool plan_write(int folder, const struct plan *p, struct err *e);
/* EXIT_CONFIG. */
bool plan_read(int folder, uint64_t epoch, struct plan *p, struct err *e);

#endif
