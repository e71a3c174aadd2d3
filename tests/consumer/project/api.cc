// The installed generated code compiles by itself.
#include <tandem/v1/tandem.grpc.pb.h>

tandem::v1::DurabilityLevel HighestLevel() { return tandem::v1::DURABILITY_LEVEL_ALL; }
