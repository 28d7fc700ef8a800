/* Where bytes come from. A SOURCE is "-", a file, a glob, or a folder. */
#ifndef EV_SOURCE_SOURCE_H
#define EV_SOURCE_SOURCE_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/decoder.h"

/* Opens one file, or standard input for "-". One that has moved in a folder with a commit log since it was listed is found
 * where it went; EXIT_BAD_DATA where it is gone. A gzip (by its first bytes, whatever the name;
 * several members too) is inflated. EXIT_NO_INPUT when it cannot be opened or is a directory. */
struct bytes *source_open(const char *path, struct err *e);

/* Before the first read: goes on behind so many bytes. False, and nothing done, where what is stored is not what is read. */
bool source_skip(struct bytes *b, uint64_t offset);
/* The n bytes of a file before `end`, appended. */
bool source_tail(const char *path, uint64_t end, size_t n, struct buf *out);

/* Bytes of the file as stored that were read so far, and its size (0 where it is not a regular
 * file), for progress. */
void source_position(const struct bytes *b, uint64_t *at, uint64_t *size);

struct source_list {
    char **paths; /* owned */
    size_t n;
    char **logged; /* the folders with a commit log that they come from; owned */
    size_t n_logged;
    bool may_be_empty; /* no file in a folder or for a pattern is no error */
};

/* Expands globs and folders (all regular files in it and below it, by name in byte order; names
 * with '.' or '_' in front are skipped, and no wildcard matches one; of a folder with a commit log the files that the log
 * names, as of its newest record), and checks that each can be
 * read, before anything is. EXIT_NO_INPUT naming the one that cannot (all that are missing are
 * tried; the first is named), a glob without a match too; EXIT_USAGE for
 * "" and for scheme://. A source given twice is read twice. *out is {0}, or has may_be_empty. */
bool source_expand(const char *const *sources, size_t n, struct source_list *out, struct err *e);
void source_list_add(struct source_list *l, const char *path);
void source_list_free(struct source_list *l);
/* Can it be opened a second time and read again from the start? */
bool source_is_regular(const char *path);

#endif
