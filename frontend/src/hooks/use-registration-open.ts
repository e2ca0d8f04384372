import { useUploadPolicy } from "./use-upload-policy";

/** Whether people can create accounts, or null until the API has said so. If it doesn't, its refusal will. */
export function useRegistrationOpen(): boolean | null {
  const policy = useUploadPolicy();
  return policy.isError ? true : (policy.data?.registration_open ?? null);
}
