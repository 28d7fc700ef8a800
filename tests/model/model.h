/* What the model's parts share: the state of the world, a configuration, and what a step may do. See model.c. */
#ifndef EV_MODEL_H
#define EV_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MAX_EPOCH = 6, /* numbers 1..5 */
    MAX_STAGE = 4,
    MAX_TOKEN = 9, /* in one destination */
    MAX_SPOOL = 4, /* in one epoch */
    MAX_QUEUE = 2,
    MAX_RECORD = 6, /* of a folder's log */
};

/* The rules that can be weakened: each must then yield a counterexample. */
/* clang-format off */
#define MUTATIONS \
    X(no_lock) X(plan_late) X(publish_early) X(eof_is_end) X(other_order) X(side_late) \
    X(committed_free) X(exit_early) X(no_sync_plan) X(no_sync_replay) X(no_sync_state) \
    X(no_sync_output) X(no_sync_ack) X(no_sync_ack_read) X(passed_late) X(committed_by_pass) \
    X(append_blindly) X(always_cut) X(zeros_differ) X(record_first) X(names_first) \
    X(log_not_believed) X(log_overwritten) X(no_sync_spool) X(no_finish) X(journal_late) \
    X(no_sync_journal) X(no_prune) X(prune_by_owner) X(no_identity) X(no_proof) X(ack_alone) \
    X(state_unasked) X(sides_unasked) X(stateless_if_empty) X(plan_gap) \
    X(plan_without_journal) X(remove_at_once) X(manifests_first) X(no_sync_log_read) \
    X(no_sync_record_read) X(plan_unasked) X(resume_at_C) X(log_kept)
/* clang-format on */
enum mutation {
    M_NONE,
#define X(name) M_##name,
    MUTATIONS
#undef X
};

struct config {
    const char *name;
    /* A letter a stage: s source, f filter with a side output, p evsink --pass, k evsink to a file, l evsink to a folder
     * with a log. */
    const char *line;
    uint8_t events; /* in the input */
    uint8_t parts;  /* 2: two partitions, whose interleaving is the plan's */
    uint8_t per_epoch, crashes, terms;
    uint8_t queue;     /* how much a pipe holds; 0: one message */
    bool power;        /* a kill of all loses any part of what was not fsynced */
    bool zeros;        /* ... and may leave zeros where a file had grown */
    bool journal;      /* the source cannot be read again */
    bool other;        /* another pipeline commits to the same folder once */
    bool copy;         /* a copy is taken while it runs and started elsewhere */
    bool dest_last;    /* ... destinations after the checkpoint */
    bool early;        /* ... and the original may be killed while it is taken */
    bool by_file;      /* ... each plan, and each kind of record, at a moment of its own */
    uint16_t refusals; /* the reasons for which 78 is right here, 1 << enum bad */
    enum mutation mutation;
};

/* What went wrong, or ends with 78. */
enum bad {
    GOOD,
    LOST,
    TWICE,
    BACK,
    STATE_TWICE,
    BARRIERS,
    REWRITTEN,
    ORDER,
    WRONG_ROW,
    UNCOMMITTED,
    OTHERS_LOST,
    SHRUNK,
    DEADLOCK,
    TRUNCATED_EXIT,
    NO_STATE,
    NO_RECORD,
    NO_PLAN,
    PLANS_GONE,
    DEST_SHORT,
    DEST_OTHER,
    DEST_DIFFERS,
    DEST_AHEAD,
    N_BAD
};

/* A destination that is a file. Tokens are what its bytes are to us; 0 is a zero byte. */
struct file {
    uint8_t
        foreign; /* what stood there before the first epoch replaced it: long, and like nothing of ours */
    uint8_t copied; /* its inode is not that which the original's records name */
    uint8_t n, token[MAX_TOKEN];
};

/* A destination that is a folder with its log. */
struct folder {
    uint8_t epoch[MAX_RECORD]; /* of the n-th record; OTHERS the other pipeline's; 0 none */
    uint16_t plan[MAX_RECORD]; /* the checksum of the plan that it was made by */
    uint8_t named;             /* bit n: the files of record n have their names */
    uint8_t data[MAX_RECORD][MAX_SPOOL];
};
enum { OTHERS = 0x40, REMOVED = 0x20 };

/* All that lies on disk. A plan: two events (id + 1, three bits each), FINAL, PRESENT, and above them the set of all
 * events planned so far. A state: PRESENT and the set of events seen. A record: PRESENT, COPIED and the offset. */
enum { FINAL = 0x40, PRESENT = 0x80, COPIED = 0x40 };
struct disk {
    uint16_t plan[MAX_EPOCH];
    uint8_t journal[MAX_EPOCH];
    uint8_t state[MAX_STAGE][MAX_EPOCH];
    uint8_t record[MAX_STAGE][MAX_EPOCH]; /* sides, passed, ack */
    struct file file[MAX_STAGE];
    struct folder folder;
};

enum life { NEVER, RUNS, FAILED, DONE };
struct process {
    uint8_t life, at, C, P, N, committed, final, term;
    uint8_t seen;   /* the state */
    uint8_t events; /* the source's open epoch, as in a plan */
    uint8_t all;    /* the source's position: all events read or planned */
    uint8_t acks;   /* the acknowledgements that the source saw, a bit each */
    uint8_t offset, written, number, replaces;
    uint8_t n, spool[MAX_SPOOL];
    uint16_t plan; /* the checksum that the barrier carries */
};
struct queue {
    uint32_t n, message[MAX_QUEUE];
};
enum { OPEN = 1, EVENT, ROW, BARRIER, END_FINAL, END_PAUSE };

enum { STALE, NOW, RUNS_KEPT };
struct world {
    struct process process[RUNS_KEPT][MAX_STAGE];
    struct queue queue[RUNS_KEPT][MAX_STAGE]; /* into that stage */
    struct disk seen;                         /* as processes see it */
    struct disk durable;                      /* as a power loss leaves it; unused without one */
    struct disk copy;
    uint32_t copied;  /* bit: that part is in the copy */
    uint8_t moved;    /* we are elsewhere now */
    uint8_t consumed; /* how many events were taken from a source that cannot be read again */
    uint8_t greatest_C, crashes, terms, extra, others, bad;
};

extern const struct config *conf;
extern int n_stages;
bool mutated(enum mutation m);

/* stages.c, with source.c and destination.c: all that the processes may do next, each given to emit(). */
void steps(const struct world *w);
void die(struct world *w, int run, int stage, enum life how);
uint8_t newest(const uint8_t *numbers);
uint8_t newest_plan(const struct disk *d);
void fail(struct world *w, enum bad reason);

/* model.c */
void emit(const struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *stage_name(int run, int stage);

#endif
