/* A run: a file of entries of one table, written once and read from its beginning to its end.
 *
 *     offset  bytes
 *          0      8  magic: 89 'E' 'V' 'R' 0d 0a 1a 0a
 *          8      1  version, 1
 *          9      1  kind of table: 0 map, 1 set
 *         10      2  table
 *         12      4  zero
 *         16         entries, to the end of the file:
 *                    varint  length of the key << 2 | has a value << 1 | dropped
 *                    varint  length of the value, where it has one
 *                    8       time
 *                            key, value
 *
 * Numbers are little endian; a varint has seven bits a byte, the lowest first, the top bit set in all bytes but the
 * last. An empty value is none. The entries of a map ascend strictly in (time, key bytes). How long the file and its
 * longest entry are, how many entries it has and its checksum stand in the manifest. */
#ifndef EV_STATE_RUN_H
#define EV_STATE_RUN_H

#include "base/buf.h"
#include "base/hash.h"
#include "state/state.h"

enum { RUN_HEADER = 16, RUN_NAME = 64, RUN_BUFFER = 64 << 10 };

/* What a manifest says of a run. */
struct run {
    char file[RUN_NAME];
    uint64_t bytes, entries, longest; /* of the file; in it; bytes of its longest entry */
    struct hash128 sum;               /* XXH3-128 of the whole file */
    int64_t least, greatest;          /* times */
    size_t refs;  /* how many manifests, lists and merges name it; the store's */
    bool merging; /* is an input of the merge that is running */
};

/* Fills e with EXIT_CONFIG: the file, what is wrong with it, and what to do. Returns false. */
bool checkpoint_damaged(struct err *e, const char *file, const char *what);
/* The same for an error that names the file already. */
bool checkpoint_restorable(struct err *e);

/* ---- writing ---- */

/* Starts as {0}: no file. */
struct run_writer {
    struct run run; /* filled as entries come */
    int folder, fd;
    char temp[RUN_NAME + 8];
    struct buf buf;
    struct hash_stream *hash;
    bool in_use;
    bool paced; /* syncs as it goes, so that what others sync meanwhile is not behind all of it */
    uint64_t synced;
};

/* The file has a temporary name until run_publish(). */
bool run_create(struct run_writer *w, int folder, const char *name, unsigned table,
    enum state_kind kind, struct err *e);
bool run_add(struct run_writer *w, const struct state_entry *entry, bool dropped, struct err *e);
/* The content is durable; nothing can be added any more. */
bool run_finish(struct run_writer *w, struct err *e);
/* Gives it its name; durable when the folder is synced. The writer is {0} then, apart from .run. */
bool run_publish(struct run_writer *w, struct err *e);
/* Removes the file. Of {0} nothing. */
void run_abandon(struct run_writer *w);

/* ---- reading ---- */

struct run_reader {
    const struct run *run;
    int fd;
    unsigned table;
    char *buf;
    size_t at, end, cap;
    uint64_t unread, entries;
    struct hash_stream *hash;
    /* After run_next(): */
    struct state_entry entry; /* its slices are valid until the next call */
    bool dropped;
    bool ended; /* there was no more entry, and the file is as the manifest says */
};

/* Borrows run. */
bool run_open(struct run_reader *r, int folder, const struct run *run, unsigned table,
    enum state_kind kind, struct err *e);
bool run_next(struct run_reader *r, struct err *e);
/* Of {0} nothing. */
void run_close(struct run_reader *r);

#endif
