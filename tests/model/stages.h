/* What the stages share: where a process stands, the pipes, and the destinations. */
#ifndef EV_MODEL_STAGES_H
#define EV_MODEL_STAGES_H

#include "model.h"

enum {
    LOCK, /* common */
    READ_ACKS,
    CHOOSE,
    PRUNE,
    SEND_OPEN,
    RUN,
    REPLAY, /* source */
    WRITE_JOURNAL,
    SYNC_JOURNAL,
    WRITE_PLAN,
    SYNC_PLAN,
    SEND_BARRIER,
    WAIT,
    AWAIT_OPEN,
    PRUNE_OWN,
    PASS_OPEN,
    READ,
    SEND_ROW,
    FORWARD, /* the others */
    PUBLISH,
    SYNC_OUTPUT,
    LINK_RECORD,
    SYNC_LOG,
    NAME_FILES,
    WRITE_RECORD,
    SYNC_RECORD,
    WRITE_STATE,
    SYNC_STATE,
    PASS_BARRIER
};

char kind(int stage);
int sink(void);
int highest(unsigned mask);
uint8_t committed(const struct world *w);
void sync_acks(struct world *w);
bool locked_out(const struct world *w, int run, int stage);

void send_message(struct world *w, int run, int stage, int type, int number, int low);
unsigned receive(struct world *w, int run, int stage);
/* May it write now? Where its reader died, the only step is to die too. */
bool may_write(const struct world *w0, int run, int stage);

/* source.c */
void source(const struct world *w0, int run);
bool prune(const struct world *w0, int run, int stage, int P);
void forget(struct world *w, int stage, int C);

/* destination.c */
void open_file(struct world *w, int stage, struct process *p);
void open_folder(struct world *w, int stage, struct process *p);
int first_step(int stage);
void put_token(struct world *w, int stage, const struct process *p, int i);
void publish(const struct world *w0, int run, int stage);

#endif
