// Preloaded in the guest where its kernel keeps only SSE's registers (run.sh): ISA-L chooses its
// functions by what the CPU has, and nobody can tell it otherwise. Each thread's CRCs would come
// out wrong whenever another one ran in between.
#include <dlfcn.h>

#include <cstdlib>

extern "C" unsigned int crc32_iscsi(unsigned char* data, int length, unsigned int seed) {
  using Crc = unsigned int (*)(unsigned char*, int, unsigned int);
  static const auto crc = reinterpret_cast<Crc>(dlsym(RTLD_NEXT, "crc32_iscsi_01"));
  if (crc == nullptr) std::abort();
  return crc(data, length, seed);
}
