# Installs the client library into a fresh tree and builds and runs the consumer project against it.
# Given with -D: BUILD_DIR, SOURCE_DIR, WORK_DIR, CXX, CC, CXX_FLAGS, LAUNCHER.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed (${result}): ${ARGN}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/prefix --component client)

# What is installed must not need what is not.
file(GLOB_RECURSE headers ${WORK_DIR}/prefix/include/*.h)
foreach(header ${headers})
  file(STRINGS ${header} includes REGEX "#include[ \t]+[\"<]daemon/")
  if(includes)
    message(FATAL_ERROR "${header} includes the daemon's code: ${includes}")
  endif()
endforeach()

run(${CMAKE_COMMAND} -S ${SOURCE_DIR}/project -B ${WORK_DIR}/build -G Ninja
  -DCMAKE_PREFIX_PATH=${WORK_DIR}/prefix -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_C_COMPILER=${CC}
  -DCMAKE_CXX_FLAGS=${CXX_FLAGS} -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
run(${WORK_DIR}/build/consumer)
