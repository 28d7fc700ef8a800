/* A store of what a stage must remember, for its checkpoint.
 *
 * The stage keeps its own tables in memory and hands over what changed; the store makes that durable at each epoch, in
 * steps proportional to the change, and brings all of it back as of one epoch. It lives in the stage's folder:
 *
 *     manifest-<N>                  what the state of epoch N is: the runs of each table and their checksums; manifest.h
 *     run-<N>-<table>-<number>      entries of one table that changed in epoch N, or several such runs merged; run.h
 *
 * A file never changes once it has its name, apart from a manifest of a run that died before its epoch was committed:
 * another, of the same state, takes its place. Runs are merged by a thread of the store, in tiers of like size, so that
 * their number stays logarithmic; it blocks all signals, and no result depends on when it is done.
 *
 * Not for several threads at once. Errors name the file, without the folder. After false from any function but
 * state_is_whole() the state can only be closed. */
#ifndef EV_STATE_STATE_H
#define EV_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct json_t; /* of jansson */
struct state;

enum state_kind {
    STATE_MAP, /* (time, key) -> value; the newest put or drop holds */
    STATE_SET, /* entries of which each is put once ever, never dropped; may have values too */
};

struct state_entry {
    unsigned table; /* index in state_options.tables */
    int64_t time;   /* what state_forget() goes by */
    struct slice key, value;
};

/* Superseded files stay so long, for whoever copies the folder beside us. */
#define STATE_KEEP_US (INT64_C(3600) * 1000000)

struct state_options {
    int folder; /* of the stage, which holds its lock; borrowed, open until state_close() */
    const enum state_kind *tables; /* borrowed during state_open() */
    size_t n_tables;
    int64_t keep_us; /* STATE_KEEP_US */
};

/* Gets what is restored, table by table; the slices are valid during the call. False with *e ends the restoring. */
typedef bool state_load(void *ctx, const struct state_entry *entry, struct err *e);

/* The state as of `epoch`: load() sees each live entry once, those of a MAP in ascending order of (time, key bytes),
 * those of a SET in any. What is read is checked on the way, so when NULL is returned, what load() saw counts for
 * nothing: EXIT_CONFIG where a file is missing, damaged, or of another epoch, EXIT_IO where reading failed.
 * Epoch 0 begins empty. Later epochs in the folder are those of a run that died: they are left alone, and replaced when
 * their number comes again. Temporary files of such a run are removed. */
struct state *state_open(
    const struct state_options *o, uint64_t epoch, state_load *load, void *ctx, struct err *e);

/* The object that was given with the snapshot that was restored; NULL at epoch 0. Borrowed until state_close(). */
const struct json_t *state_meta(const struct state *s);

/* Puts an entry into the next snapshot; copies. It goes to a file through a buffer of fixed size. Of a MAP the calls
 * (state_drop() among them) between two snapshots come in strictly ascending order of (time, key): EXIT_BUG otherwise. */
bool state_put(struct state *s, const struct state_entry *entry, struct err *e);
/* Of a MAP: there is no such entry from the next snapshot on, whether or not there was one. */
bool state_drop(struct state *s, unsigned table, int64_t time, struct slice key, struct err *e);
/* From the next snapshot on there are no entries with time < before, whenever they are put. Never goes back: a lower
 * `before` than an earlier one does nothing. Costs nothing: runs that are wholly below are left out of the manifest,
 * others lose such entries when they are merged or loaded. */
void state_forget(struct state *s, unsigned table, int64_t before);

/* All of the above is durable when this returns true, as the state of `epoch`, which is greater than that of the last
 * snapshot. Takes over meta (an object). EXIT_IO with the file named; a merge that failed is reported here too. */
bool state_snapshot(struct state *s, uint64_t epoch, struct json_t *meta, struct err *e);

/* Nothing before `committed` will be asked for again: manifests below it that were superseded keep_us ago go, and the
 * runs that no other manifest names. */
void state_release(struct state *s, uint64_t committed);

/* Bytes of the runs that the newest snapshot names. */
uint64_t state_bytes(const struct state *s);

struct state_figures {
    uint64_t snapshot_bytes; /* written by snapshots since state_open(), manifests included */
    uint64_t merge_bytes;    /* written by merges that were taken in */
    uint64_t merges;
    size_t runs; /* in the newest snapshot */
};
struct state_figures state_figures(const struct state *s);

/* Waits until no merge is running; what is left to be merged waits for the next snapshot. For tests and benchmarks. */
void state_settle(struct state *s);

/* Stops a merge that is running. What was put after the last snapshot is lost. NULL is nothing. */
void state_close(struct state *s);

/* Could `epoch` be restored from the folder, as far as the manifest and the sizes of its files tell? Reads no run.
 * Needs no lock. Epoch 0 always is. EXIT_CONFIG, with what is wrong, or EXIT_IO. */
bool state_is_whole(int folder, uint64_t epoch, struct err *e);

#endif
