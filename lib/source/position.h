/* How far an input was read, so that a later run goes on there. */
#ifndef EV_SOURCE_POSITION_H
#define EV_SOURCE_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/decoder.h"

struct input_position {
    char *path;       /* owned */
    bool absent;      /* none of the inputs that are read now; kept for when it comes back */
    bool once;        /* it cannot be read again */
    bool begun;       /* its watermark is known */
    bool ended;       /* its end was met */
    bool left;        /* what stood behind the last newline then was not read */
    uint64_t records; /* events, bad lines and control records that were taken */
    uint64_t lines;   /* up to the last of them; where the format counts lines */
    uint64_t offset;  /* bytes (uncompressed) up to behind the last of them; 0: not known */
    uint64_t size;    /* bytes as stored, then */
    uint64_t blank, trailing; /* empty lines before the last of them, and behind it where `ended` */
    uint64_t check;           /* a hash of the texts of all of them, */
    uint64_t before;          /* of all but the last, */
    uint64_t last;            /* and how many bytes that one has; 0: not known */
    int64_t watermark;        /* its own */
    int64_t first;            /* the same when the epoch began; TIME_END: it was at its end */
};

/* Of several inputs, with their stream. */
struct positions {
    struct input_position *of;
    size_t n;
    bool merges;    /* there are watermarks */
    int64_t stream; /* the stream's */
    char *open;     /* how frames began, as control_write() has it, owned; NULL: text */
};
void positions_free(struct positions *p);
struct positions positions_copy(const struct positions *p);
/* Adds those of `before` that are not in p, as absent. */
void positions_keep(struct positions *p, const struct positions *before);
/* NULL: none of this path. */
const struct input_position *positions_find(const struct positions *p, const char *path);

/* The same for many paths. Valid as long as p->of stays where it is. */
struct position_index {
    const struct input_position **by_path; /* owned */
    size_t n;
};
struct position_index position_index_new(const struct positions *p);
const struct input_position *position_index_find(const struct position_index *x, const char *path);
void position_index_free(struct position_index *x);

/* One more record has been taken. */
void position_add(struct input_position *p, struct slice text);

/* Decodes on to the position; the decoder is at its beginning. EXIT_BAD_DATA: what was read is not there any more. */
bool position_reach(const struct input_position *p, struct decoder *d, struct err *e);
/* May reading begin at p->offset? As far as the last record tells. */
bool position_is_there(const struct input_position *p);
/* For the message of a position that cannot be reached. Returns false. */
bool position_changed(struct err *e);

#endif
