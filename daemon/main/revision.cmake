# Writes OUTPUT, a source file that knows the revision of SOURCE; only if it changed. REVISION: that, if it is given.
if(NOT REVISION)
  execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    set(REVISION "")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "daemon/main/revision.h"

namespace tandem {
std::string SourceRevision() { return "@REVISION@"; }
}  // namespace tandem
]])
