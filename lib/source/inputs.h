/* Several inputs read as one stream.
 *
 * Without lateness they are read one after the other. With it each has its own watermark, and next is read from the
 * one whose watermark is lowest (op/watermark.h), of those the one whose path comes first by its bytes. So a folder of
 * daily files streams in the memory of those that overlap, and the order is a function of the data. Files are opened
 * when they are first read from and closed at their end; an input that can be read only once is held open from the
 * start. */
#ifndef EV_SOURCE_INPUTS_H
#define EV_SOURCE_INPUTS_H

#include "op/watermark.h"
#include "source/journal.h"
#include "source/position.h"
#include "source/source.h"

struct inputs_options {
    struct source_list sources; /* borrowed */
    enum format format;         /* FORMAT_AUTO: by each file's name */
    struct decode_options decode;
    struct json_scanner *scanner;
    bool has_lateness; /* where nothing is told */
    int64_t lateness;  /* µs */
    /* Looks at each event that was decoded: sets ev->time (TIME_NONE: it needs none), or returns false where the event
     * is bad. Called for the first event of a file twice: once to learn where the file begins (`peek`: would it be
     * rejected later, it is bad now), once when it is read. NULL: all are good; not with lateness. */
    bool (*accept)(void *ctx, struct event *ev, bool peek, struct err *e);
    void *ctx;
    struct disorder *disorder; /* of the times of good events; borrowed, may be NULL */
    /* Inputs may be gone on with by a later run: inputs_at() tells how far each was read. */
    bool is_resumed;
    const struct positions
        *from; /* how far they were read before, or NULL; borrowed while opening */
    /* How the stream began, and of an epoch that comes again (upto, replay) what was planned; NULL: the inputs tell. So
     * too. */
    const struct positions *told;
    bool upto;                      /* they end where that was, whatever comes behind */
    struct source_journal *journal; /* where each record is kept; borrowed, may be NULL */
    struct source_journal_reader
        *replay; /* the records come from there, and no input is opened; or NULL, so too */
};

struct inputs;

/* EXIT_NO_INPUT, EXIT_IO. */
struct inputs *inputs_open(const struct inputs_options *o, struct err *e);
void inputs_close(struct inputs *in);

/* As a decoder's next(), with the watermark as it stood before the event. The event lives until the next call; only
 * then does it move the watermark, and the next input is chosen. A DECODED_CONTROL is a barrier or the end of the
 * stream. */
enum decoded inputs_next(struct inputs *in, struct event *ev, struct err *e);
/* The event at hand was bad after all: it moves nothing. */
void inputs_forget(struct inputs *in);
/* Where an epoch is cut: files that are at their end meet it now, which the next event would have told. With upto or
 * replay: those that had met it then. */
void inputs_meet_ends(struct inputs *in);
/* Records that were taken since the inputs were opened. */
uint64_t inputs_taken(const struct inputs *in);
/* How far all were read; owned by the caller. With is_resumed. Where an input begins that is merged is from now on told of here. */
struct positions inputs_at(struct inputs *in);

/* The stream's watermark now, behind the event at hand: TIME_NONE without lateness, TIME_END after DECODED_END,
 * and after the final end that a stream tells. */
int64_t inputs_watermark(struct inputs *in);
/* The same of the events alone: after DECODED_END as it was before it. */
int64_t inputs_reached(struct inputs *in);
/* How the stream began: the first input tells, where it is one of frames or control lines; else NULL. The times and watermarks
 * of other inputs are heeded where the first is such a stream. */
const struct control *inputs_stream(const struct inputs *in);
/* Has the only input, which may be such a stream (no option says what else it is), ended without a byte? */
bool inputs_is_empty(const struct inputs *in);
bool inputs_is_frames(const struct inputs *in);
/* Of any origin: --lateness, or the input's own. */
bool inputs_has_watermarks(const struct inputs *in);
/* The input that is read now, NULL at the end; and, of several, the one that holds the watermark back. */
const char *inputs_current(const struct inputs *in);
/* Empty lines; with is_resumed those since `from`, so that none counts twice over all runs. */
uint64_t inputs_blank(const struct inputs *in);
/* Bytes as stored: read so far and in all; *total is 0 where an input's size is not known. */
void inputs_position(const struct inputs *in, uint64_t *done, uint64_t *total);

#endif
