/* Small files of a checkpoint: one JSON object each, with a checksum of itself as its last member. A file gets its
 * name when it is durable, and never changes after that:
 *
 *     .NAME.tmp -> write -> fsync -> rename to NAME -> fsync of the folder
 */
#ifndef EV_STATE_SEALED_H
#define EV_STATE_SEALED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct json_t; /* state/members.h */

enum { SEALED_NAME = 64 };
/* ROLE-EPOCH. Returns name. */
char *sealed_name(char name[static SEALED_NAME], const char *role, uint64_t epoch);
/* False where a file's name is not of that role. */
bool sealed_is_named(const char *name, const char *role, uint64_t *epoch);

/* `role` and `epoch` make the name and the crash points ROLE-written, ROLE-renamed, ROLE-synced. Takes over
 * the object. EXIT_IO naming the file. */
bool sealed_write(
    int folder, const char *role, uint64_t epoch, struct json_t *object, struct err *e);

/* A new object, or NULL with EXIT_CONFIG: missing, damaged, or of a version that is not read here. The file is made
 * durable before it is relied upon: a rename that was seen may not have been. */
struct json_t *sealed_read(int folder, const char *role, uint64_t epoch, struct err *e);

/* The epochs of the files of a role, ascending; *epochs is owned by the caller. EXIT_CONFIG where the folder cannot be read. */
bool sealed_list(int folder, const char *role, uint64_t **epochs, size_t *n, struct err *e);
/* The greatest of them, 0 for none. */
bool sealed_newest(int folder, const char *role, uint64_t *epoch, struct err *e);
bool sealed_is_there(int folder, const char *role, uint64_t epoch);

/* Removes those beyond the epoch; *any is set where there was one. EXIT_IO naming one that stays, and as sealed_list(). */
bool sealed_remove_beyond(int folder, const char *role, uint64_t epoch, bool *any, struct err *e);

/* Removes files of the role with an epoch below `below` that are older than keep_us, but never the newest. */
void sealed_release(int folder, const char *role, uint64_t below, int64_t keep_us);

#endif
