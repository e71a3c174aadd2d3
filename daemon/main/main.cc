#include "daemon/main/tandemd.h"

int main(int argc, char** argv) {
  return tandem::RunTandemd({argv + 1, argv + argc}, tandem::MakeConfiguredFiles);
}
