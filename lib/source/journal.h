/* The records of an epoch whose source cannot be read again (a pipe, a FIFO), kept in a file until it is committed.
 *
 *     .journal.tmp -> write -> fsync -> rename to journal-<epoch> -> fsync of the folder
 *
 * A record is 8 numbers of 8 bytes, little-endian, then its texts:
 *
 *     length, input, what (enum decoded; 256 more where the input carries watermarks), line, time, watermark,
 *     exit code, bytes of the message; the event's text; of bad input its code, a NUL and the message */
#ifndef EV_SOURCE_JOURNAL_H
#define EV_SOURCE_JOURNAL_H

#include "wire/decoder.h"

struct source_journal;

/* To be written in a folder, which is borrowed. EXIT_IO. */
struct source_journal *source_journal_open(int folder, struct err *e);
bool source_journal_add(struct source_journal *j, size_t input, bool carries, enum decoded what,
    const struct event *ev, const struct err *why, struct err *e);
/* What was added is durable, as the journal of that epoch; another one begins. *check is a hash of it. */
bool source_journal_seal(struct source_journal *j, uint64_t epoch, uint64_t *check, struct err *e);
void source_journal_close(struct source_journal *j); /* takes NULL */
void source_journal_remove(int folder, uint64_t epoch);

struct source_journal_reader;
/* The journal of an epoch. EXIT_CONFIG where it is missing or not that of this check. */
struct source_journal_reader *source_journal_read(
    int folder, uint64_t epoch, uint64_t check, struct err *e);
/* The next record: DECODED_END where an input had met its end; and, of input SIZE_MAX, behind the last record. Of an event the text, valid until the reader is closed, JSON_SLACK bytes behind
 * it can be read; line, time and watermark; of bad input also *why and ev->bad_code. */
enum decoded source_journal_next(struct source_journal_reader *r, size_t *input, bool *carries,
    struct event *ev, struct err *why);
void source_journal_reader_close(struct source_journal_reader *r);

#endif
