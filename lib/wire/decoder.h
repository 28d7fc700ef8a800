/* Decoders: from bytes to events. One format, one file: lines.c, csv.c, documents.c. */
#ifndef EV_WIRE_DECODER_H
#define EV_WIRE_DECODER_H

#include "wire/event.h"

/* Where a decoder gets its bytes. The implementations are in source/. */
struct bytes {
    const char *name; /* for messages; outlives the struct */
    bool frames;      /* it begins like a stream of frames */
    /* Up to `room` bytes; *got is 0 at the end. False: EXIT_IO (a damaged gzip as well). */
    bool (*read)(struct bytes *b, void *to, size_t room, size_t *got, struct err *e);
    void (*close)(struct bytes *b);
};

enum format { FORMAT_AUTO, FORMAT_LINES, FORMAT_CSV, FORMAT_TSV, FORMAT_DOCUMENTS };

struct decode_options {
    size_t max_line;    /* bytes of a line, a row or a document; 0 is the default of 16 MiB */
    const char *header; /* CSV: comma-separated names where the file has no header row, or NULL */
    const char *types;  /* CSV: 'InvoiceNo:text,price:num' (text num bool), or NULL */
    bool at_rest;       /* no tool upstream writes this: an abort line in it is bad input */
    bool may_open;      /* it may be a stream of control lines */
    bool whole_lines;   /* what follows the last newline is not there yet */
    /* The bytes begin within the input: behind so many, and so many lines. */
    uint64_t skipped, skipped_lines;
};
enum { MAX_LINE_DEFAULT = 16 << 20 };
#define MAX_LINE_MOST ((size_t)1 << 31) /* the positions of fields are 32 bits wide */

/* Are the options usable? To be asked once at start: EXIT_USAGE, naming the column. */
bool decode_options_check(const struct decode_options *o, struct err *e);

enum decoded {
    DECODED_EVENT,
    DECODED_BAD,     /* no event: ev->text holds its bytes (at most 64 KiB of a line that is too
                       long), *e and ev->bad_code say why; the next call goes on behind it */
    DECODED_CONTROL, /* ev->control, valid until the next call */
    DECODED_ABORT,   /* an abort line: the writer upstream failed; *e is EXIT_IO and its message */
    DECODED_END,
    DECODED_FAILED, /* the bytes cannot be read, or what is broken cannot be passed over; *e */
};

struct decoder {
    /* To be called once, before next(), where it is not NULL: reads on until it is known whether the stream begins
     * with an open record. EXIT_BAD_DATA, EXIT_IO. */
    bool (*begin)(struct decoder *d, struct err *e);
    const struct control
        *open; /* that record, NULL: there is none, and no control records follow */
    /* Fills text, fields, source and line of *ev, valid until the next call; of frames also time and
     * watermark. */
    enum decoded (*next)(struct decoder *d, struct event *ev, struct err *e);
    /* Bytes (uncompressed) from the beginning of the input up to what next() will look at. NULL: not known. */
    uint64_t (*offset)(const struct decoder *d);
    void (*close)(struct decoder *d); /* closes the bytes too */
    uint64_t bytes_read;              /* decoded so far (uncompressed) */
    uint64_t blank;                   /* empty lines skipped */
    bool left;                        /* whole_lines: something stood behind the last newline */
};

/* Takes over `in`, and closes it also when it fails. FORMAT_AUTO is FORMAT_LINES here, and that is frames where they
 * begin so. A UTF-8
 * byte order mark at the start is skipped. The scanner is shared: all decoders of a stage want
 * the same fields. */
struct decoder *decoder_open(enum format format, struct bytes *in, struct json_scanner *scanner,
    const struct decode_options *options, struct err *e);

/* The format that a file name tells: .csv .tsv (also before .gz or .zst), else FORMAT_LINES. */
enum format format_of_name(struct slice name);

#endif
