// k8s/base as `kubectl kustomize` builds it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <yaml-cpp/yaml.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace tandem {
namespace {

using testing::HasSubstr;

// What the command prints on stdout and stderr, and its exit status.
std::pair<std::string, int> OutputOf(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {"popen failed", -1};
  std::string output;
  char chunk[4096];
  for (size_t n = 0; (n = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) output.append(chunk, n);
  const int status = ::pclose(pipe);
  return {output, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

const std::vector<YAML::Node>& Built() {
  static const std::vector<YAML::Node> objects = [] {
    const auto [output, status] = OutputOf("kubectl kustomize " TANDEM_SOURCE_DIR "/k8s/base");
    EXPECT_EQ(status, 0) << output;
    return status == 0 ? YAML::LoadAll(output) : std::vector<YAML::Node>();
  }();
  return objects;
}

// The object of this kind whose name begins like this; a null node if there is none.
YAML::Node Find(const std::string& kind, const std::string& name) {
  for (const YAML::Node& object : Built()) {
    if (object["kind"].Scalar() == kind &&
        object["metadata"]["name"].Scalar().rfind(name, 0) == 0) {
      return object;
    }
  }
  ADD_FAILURE() << "no " << kind << " " << name;
  return YAML::Node();
}

YAML::Node PodSpec() { return Find("StatefulSet", "payments")["spec"]["template"]["spec"]; }
YAML::Node Sidecar() { return PodSpec()["initContainers"][0]; }
YAML::Node App() { return PodSpec()["containers"][0]; }

YAML::Node Named(const YAML::Node& list, const std::string& name) {
  for (const YAML::Node& item : list) {
    if (item["name"].Scalar() == name) return item;
  }
  ADD_FAILURE() << "nothing is named " << name;
  return YAML::Node();
}

YAML::Node DaemonConfig() {
  return YAML::Load(Find("ConfigMap", "tandem")["data"]["tandem.yaml"].Scalar());
}

TEST(Kustomize, TheDaemonIsANativeSidecar) {
  ASSERT_EQ(PodSpec()["initContainers"].size(), 1u);
  EXPECT_EQ(Sidecar()["name"].Scalar(), "tandemd");
  EXPECT_EQ(Sidecar()["restartPolicy"].Scalar(), "Always");
}

TEST(Kustomize, TheDaemonAcceptsItsConfiguration) {
  const std::string file = testing::TempDir() + "/k8s-tandem.yaml";
  std::ofstream(file) << Find("ConfigMap", "tandem")["data"]["tandem.yaml"].Scalar();
  const auto [output, status] = OutputOf("TANDEM_WRITER_NAME=payments-0 '" TANDEMD
                                         "' --check-config --journal-on-volatile=true "
                                         "--config='" +
                                         file + "'");
  EXPECT_EQ(output, "OK\n");
  EXPECT_EQ(status, 0);
}

TEST(Kustomize, ThePodMountsTheConfigurationThatWasGenerated) {
  const std::string generated = Find("ConfigMap", "tandem")["metadata"]["name"].Scalar();
  EXPECT_EQ(Named(PodSpec()["volumes"], "config")["configMap"]["name"].Scalar(), generated);
  EXPECT_EQ(Sidecar()["args"][0].Scalar(), "--config=/etc/tandem/tandem.yaml");
  EXPECT_EQ(Named(Sidecar()["volumeMounts"], "config")["mountPath"].Scalar(), "/etc/tandem");
}

TEST(Kustomize, EveryDirectoryOfTheConfigurationIsAVolume) {
  const YAML::Node mounts = Sidecar()["volumeMounts"];
  const YAML::Node config = DaemonConfig();
  EXPECT_EQ(Named(config["targets"], "local")["path"].Scalar(),
            Named(mounts, "local-efs")["mountPath"].Scalar());
  EXPECT_EQ(Named(config["targets"], "corebank")["path"].Scalar(),
            Named(mounts, "corebank-efs")["mountPath"].Scalar());
  EXPECT_THAT(config["journal_directory"].Scalar(),
              testing::StartsWith(Named(mounts, "journal")["mountPath"].Scalar() + "/"));
  const std::string run = Named(mounts, "run")["mountPath"].Scalar();
  EXPECT_THAT(config["socket_path"].Scalar(), testing::StartsWith(run + "/"));
  // The app reaches the same socket.
  EXPECT_EQ(Named(App()["volumeMounts"], "run")["mountPath"].Scalar(), run);
  EXPECT_EQ(Named(App()["env"], "TANDEM_ADDRESS")["value"].Scalar(),
            "unix:" + config["socket_path"].Scalar());
  EXPECT_TRUE(Named(PodSpec()["volumes"], "run")["emptyDir"].IsMap());
}

TEST(Kustomize, EveryReplicaIsAWriterOfItsOwn) {
  const YAML::Node name = Named(Sidecar()["env"], "TANDEM_WRITER_NAME");
  EXPECT_EQ(name["valueFrom"]["fieldRef"]["fieldPath"].Scalar(), "metadata.name");
  EXPECT_FALSE(DaemonConfig()["writer_name"]);
}

TEST(Kustomize, TheProbesAskTheDaemonsHttpListener) {
  const YAML::Node sidecar = Sidecar();
  EXPECT_EQ(sidecar["livenessProbe"]["httpGet"]["path"].Scalar(), "/livez");
  EXPECT_EQ(sidecar["readinessProbe"]["httpGet"]["path"].Scalar(), "/readyz");
  EXPECT_EQ(sidecar["startupProbe"]["httpGet"]["path"].Scalar(), "/startupz");
  const YAML::Node port = Named(sidecar["ports"], "metrics");
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    EXPECT_EQ(sidecar[probe]["httpGet"]["port"].Scalar(), "metrics");
  }
  // The kubelet comes from outside: a listener on the loopback would never answer it.
  EXPECT_EQ(DaemonConfig()["http_address"].Scalar(), "0.0.0.0:" + port["containerPort"].Scalar());
}

TEST(Kustomize, TheContainersMayDoLittle) {
  const YAML::Node pod = PodSpec()["securityContext"];
  EXPECT_TRUE(pod["runAsNonRoot"].as<bool>());
  EXPECT_EQ(pod["fsGroup"].Scalar(), pod["runAsGroup"].Scalar());
  EXPECT_FALSE(PodSpec()["automountServiceAccountToken"].as<bool>());
  for (const YAML::Node& container : {Sidecar(), App()}) {
    const YAML::Node security = container["securityContext"];
    EXPECT_FALSE(security["allowPrivilegeEscalation"].as<bool>());
    EXPECT_TRUE(security["readOnlyRootFilesystem"].as<bool>());
    EXPECT_EQ(security["capabilities"]["drop"][0].Scalar(), "ALL");
    EXPECT_TRUE(container["resources"]["requests"]["memory"]);
    EXPECT_TRUE(container["resources"]["limits"]["memory"]);
  }
  const YAML::Node seccomp = Sidecar()["securityContext"]["seccompProfile"];
  EXPECT_EQ(seccomp["type"].Scalar(), "Localhost");
  EXPECT_EQ(seccomp["localhostProfile"].Scalar(), "tandem/tandem.json");
}

TEST(Kustomize, TheDrainFitsIntoTheGracePeriod) {
  const std::string drain = DaemonConfig()["drain_deadline"].Scalar();
  ASSERT_EQ(drain.back(), 's');
  EXPECT_LE(2 * std::stoi(drain), PodSpec()["terminationGracePeriodSeconds"].as<int>());
}

TEST(Kustomize, TheJournalIsABlockVolumeOfOnePodAndOutlivesIt) {
  const YAML::Node set = Find("StatefulSet", "payments")["spec"];
  const YAML::Node claim = set["volumeClaimTemplates"][0];
  EXPECT_EQ(claim["metadata"]["name"].Scalar(), "journal");
  EXPECT_EQ(claim["spec"]["accessModes"][0].Scalar(), "ReadWriteOncePod");
  EXPECT_EQ(set["persistentVolumeClaimRetentionPolicy"]["whenDeleted"].Scalar(), "Retain");
  EXPECT_EQ(set["persistentVolumeClaimRetentionPolicy"]["whenScaled"].Scalar(), "Retain");
}

// Its root file system is read-only, and what it meant to write must outlive its pod.
TEST(Kustomize, TheAppKeepsItsStateOnAVolumeThatOutlivesThePod) {
  std::string state;
  for (const YAML::Node& argument : App()["args"]) {
    if (argument.Scalar().starts_with("--state=")) state = argument.Scalar().substr(8);
  }
  const YAML::Node mount = Named(App()["volumeMounts"], "state");
  EXPECT_EQ(mount["mountPath"].Scalar(), state);
  const YAML::Node claim = Find("StatefulSet", "payments")["spec"]["volumeClaimTemplates"][1];
  EXPECT_EQ(claim["metadata"]["name"].Scalar(), "state");
}

TEST(Kustomize, TheEfsVolumesAreStaticAndCrossaccountIsAnAttribute) {
  for (const std::string name : {"payments-local-efs", "payments-corebank-efs"}) {
    const YAML::Node volume = Find("PersistentVolume", name)["spec"];
    EXPECT_EQ(volume["csi"]["driver"].Scalar(), "efs.csi.aws.com");
    EXPECT_EQ(volume["persistentVolumeReclaimPolicy"].Scalar(), "Retain");
    // The driver adds the others itself, and takes crossaccount for an attribute only.
    for (const YAML::Node& option : volume["mountOptions"]) EXPECT_EQ(option.Scalar(), "iam");
    EXPECT_EQ(volume["csi"]["volumeAttributes"]["crossaccount"].IsDefined(),
              name == "payments-corebank-efs");
    const YAML::Node claim = Find("PersistentVolumeClaim", name)["spec"];
    EXPECT_EQ(claim["volumeName"].Scalar(), name);
    EXPECT_EQ(claim["storageClassName"].Scalar(), "");
  }
  // Without it the other account sees an anonymous client.
  EXPECT_EQ(Find("PersistentVolume", "payments-corebank-efs")["spec"]["mountOptions"].size(), 1u);
  const YAML::Node corebank = Find("PersistentVolume", "payments-corebank-efs")["spec"]["csi"];
  EXPECT_EQ(corebank["volumeAttributes"]["crossaccount"].Scalar(), "true");
  EXPECT_NE(corebank["volumeHandle"].Scalar(),
            Find("PersistentVolume", "payments-local-efs")["spec"]["csi"]["volumeHandle"].Scalar());
  for (const std::string volume : {"local-efs", "corebank-efs"}) {
    EXPECT_EQ(Named(PodSpec()["volumes"], volume)["persistentVolumeClaim"]["claimName"].Scalar(),
              "payments-" + volume);
  }
}

TEST(Kustomize, ServiceAndBudgetSelectThePods) {
  const std::string app =
      Find("StatefulSet",
           "payments")["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
          .Scalar();
  const YAML::Node service = Find("Service", "payments")["spec"];
  EXPECT_EQ(service["clusterIP"].Scalar(), "None");
  EXPECT_EQ(service["selector"]["app.kubernetes.io/name"].Scalar(), app);
  EXPECT_EQ(Find("StatefulSet", "payments")["spec"]["serviceName"].Scalar(), "payments");
  const YAML::Node budget = Find("PodDisruptionBudget", "payments")["spec"];
  EXPECT_EQ(budget["maxUnavailable"].as<int>(), 1);
  EXPECT_EQ(budget["selector"]["matchLabels"]["app.kubernetes.io/name"].Scalar(), app);
}

}  // namespace
}  // namespace tandem
