// What a front end does with the generated types; `tsc` compiles it, node runs it with the URL of a server.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };
const [url, email, password, productId] = process.argv.slice(2) as [string, string, string, string];

function found<T>(answer: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail);
  return answer.data;
}

const anonymous = createClient<paths>({ baseUrl: url });
const { token } = found(await anonymous.POST("/api/v1/tokens", { body: { email, password } }));
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

// Assignments that compile only if a field is always there and is not null.
const post = found(
  await client.POST("/api/v1/posts", {
    body: { kind: "article", title: "A kettle that sings", content: "*Tea*", status: "published" },
  }),
);
const slug: string = post.slug;
const page = found(await client.GET("/api/v1/posts", { params: { query: { limit: 5, include: ["author"] } } }));
const slugs: string[] = page.data.map((each) => each.slug);
if (!slugs.includes(slug)) throw new Error(`${slug} is not in ${slugs}`);

const placed = found(
  await client.POST("/api/v1/orders", { body: { items: [{ product_id: productId, quantity: 2 }] } }),
);
const order: components["schemas"]["Order"] = found(
  await client.GET("/api/v1/orders/{order_id}", {
    params: { path: { order_id: placed.id }, query: { include: ["items"] } },
  }),
);
const status: "pending" | "processing" | "shipped" | "delivered" | "cancelled" = order.status;
const total: string = order.total;
const quantities: number[] = (order.items ?? []).map((item) => item.quantity);

const comment = found(
  await client.POST("/api/v1/posts/{key}/comments", { params: { path: { key: slug } }, body: { content: "Mine too" } }),
);
const content: string | null = comment.content;

const { error } = await client.GET("/api/v1/orders/{order_id}", {
  params: { path: { order_id: "00000000-0000-7000-8000-000000000000" } },
});
const wrong: number | undefined = error?.status;
console.log(JSON.stringify([slug, status, total, quantities, content, wrong]));
