// What every script of this folder stands on: plays by name, a model, and a way to tell.

export const model = process.env.MODEL;

// Run the play that the command line names and print what it returns, for the test to judge.
export async function perform(plays) {
  process.stdout.write(JSON.stringify(await plays[process.argv[2]]()));
}

// Return what an error of either vendor's client says, once `promise` has failed with one.
export async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return { class: error.constructor.name, status: error.status, hasRequestId: !!error.requestID };
  }
  throw new Error("it was not refused");
}
