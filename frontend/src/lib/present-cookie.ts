// Repeats a request whose session cookie was replaced on its way.

/**
 * Send the request, and send it once more if the API does not know its session. Another tab that changes the password
 * replaces the cookie, which a request on its way does not have. The API has done nothing for it.
 */
export async function withPresentCookie(send: () => Promise<Response>): Promise<Response> {
  const response = await send();
  return response.status === 401 && (await isUnknownSession(response.clone())) ? send() : response;
}

async function isUnknownSession(response: Response): Promise<boolean> {
  const body: unknown = await response.json().catch(() => null);
  return typeof body === "object" && body !== null && "code" in body && body.code === "not_authenticated";
}
