/* Passes on what the rooms below say: cli/ reads no header of theirs. */
#include "model/version.h"

#include "aws/version.h"
#include "cache/version.h"

void model_version_text(struct buf *to)
{
    aws_version_text(to);
    cache_version_text(to);
}
